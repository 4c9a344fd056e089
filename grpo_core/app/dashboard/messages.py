"""What the server and the page say to each other, declared once.

Each class is a JSON object. `scripts/page_types.py` makes assets/core/messages.d.ts of them,
against which TypeScript checks the page's modules; a test compares what the server really sends. A
field that is new is declared here first: then `make lint` and that test know it.

All fields of an object are there, except those that are NotRequired. A number that is not finite
is None (see payloads.encode).
"""

from typing import Any, Literal, NotRequired, TypedDict

Numbers = list[float | None]
"""One a token, or one a step."""

# --- A group of completions --------------------------------------------------------------------


class Card(TypedDict):
    """One completion of a board. What says nothing new (a ratio of 1, no reference) is left out."""

    text: str  # as it was decoded, without special tokens
    tokens: list[str]  # as they are shown; words with their spaces, where no tokens are on record
    parts: str  # a letter a token, see payloads.parts_of_tokens
    gap: str  # what stands between two tokens when they are shown: "" or " "
    characters: NotRequired[int]  # of the text, where no tokens are on record
    length: int | None  # in tokens; null of an edited text
    truncated: bool  # it did not end within the allowed tokens
    edited: NotRequired[bool]  # somebody's own words, see trials
    reward: float | None  # the weighted sum
    rewards: dict[str, float | None]  # each part, without its weight
    advantage: float | None
    logprob: Numbers  # when it was drawn
    ratio: NotRequired[Numbers]
    held: NotRequired[list[int]]  # the tokens that the clip left without gradient
    kl: NotRequired[Numbers]
    entropy: NotRequired[Numbers]
    advantages: NotRequired[Numbers]  # of each token, where tokens have their own
    values: NotRequired[Numbers]  # what the critic expected
    change: NotRequired[Numbers]  # of the log-probability, by the update
    push: NotRequired[list[int]]  # whole numbers; times push_unit they are the recorded push


class GroupSummary(TypedDict):
    """A group of the step, for the picker."""

    prompt: str
    mean: float | None  # reward
    max: float | None  # reward
    dead: bool | None  # null while a class is asked about it
    left_out: NotRequired[bool]  # of a shared file, to keep it small


class GroupPayload(TypedDict):
    """One group as the board draws it."""

    prompt: str
    question: str  # what the prompt asks: the last turn of a conversation
    dead: bool | None
    hidden: int  # completions that are not sent
    push_unit: float | None
    completions: list[Card]


class Board(TypedDict):
    """The group that is shown, of a step. Without completions where the step sampled none."""

    type: Literal["board"]
    run: str
    step: int | None  # null of groups that a notebook made itself
    groups: list[GroupSummary]
    group: NotRequired[int]  # which of them
    prompt: NotRequired[str]
    question: NotRequired[str]
    dead: NotRequired[bool | None]
    hidden: NotRequired[int]
    push_unit: NotRequired[float | None]
    completions: NotRequired[list[Card]]
    masked: NotRequired[Literal["group", "step"]]  # what a question hides, see masking
    instead: NotRequired[bool]  # of a shared file: another step's, as the requested one is left out
    title: NotRequired[str]  # of a notebook's board


# --- The feed ----------------------------------------------------------------------------------


class Hello(TypedDict):
    """The first message."""

    type: Literal["hello"]
    boot: str  # another one after each start of the server
    ready: bool  # the whole page with its controls can be loaded
    methods: dict[str, str]  # name -> how it is written


class Forked(TypedDict):
    """Where a fork began."""

    run: str  # its name
    step: int


class RunEntry(TypedDict):
    """One line of the run list."""

    key: str
    name: str
    recorded: bool  # shipped with the kit
    status: str
    live: bool  # a process trains it
    step: int | None  # the last that is on record
    started: float | None  # seconds of the epoch
    ended: float | None
    problem: str | None
    models: list[int]  # steps whose model is saved
    forked: Forked | None
    config: dict[str, Any]  # some of its options


class Runs(TypedDict):
    """The run list."""

    type: Literal["runs"]
    now: float  # the server's clock
    runs: list[RunEntry]


class RunChange(TypedDict):
    """The one entry of the run list that changed."""

    type: Literal["run"]
    now: float
    run: RunEntry


class Metrics(TypedDict):
    """Steps that the page has not got, or that replace those it has."""

    type: Literal["metrics"]
    run: str
    reset: bool  # forget what was there
    steps: list[int]
    metrics: dict[str, Numbers]  # one a step
    phases: NotRequired[dict[str, Numbers]]  # seconds of each phase


class Place(TypedDict):
    """One completion of a run."""

    step: int
    group: int
    completion: int


class Atlas(TypedDict):
    """Groups of steps that the page has not got."""

    type: Literal["atlas"]
    run: str
    reset: bool
    cells: list[list[Any]]  # see dashboard.atlas
    prompts: dict[str, str]  # number -> what was asked
    firsts: dict[str, Place]  # what was done -> the first completion that did
    last: int  # the last step that the page then has


class FindingEntry(TypedDict):
    """One question of the diagnosis, answered."""

    name: str
    question: str
    verdict: str
    sign: str
    headline: str
    answer: str
    evidence: dict[str, float | None]
    metrics: list[str]
    steps: list[int] | None  # the first and the last it speaks of


class Findings(TypedDict):
    """The diagnosis so far."""

    type: Literal["findings"]
    run: str
    step: int
    findings: list[FindingEntry]


class Gone(TypedDict):
    """The requested run does not exist."""

    type: Literal["gone"]
    run: str


# --- A class -----------------------------------------------------------------------------------


class Member(TypedDict):
    """Somebody of the class."""

    id: str
    name: str


class Join(TypedDict):
    """How to come in; the teacher's alone."""

    url: str | None  # null until it is known
    code: str


class Door(TypedDict):
    """Who may come in; the teacher's alone."""

    open: bool
    full: list[str]  # networks with as many connections as they may have
    out: list[Member]  # who was removed


class Poll(TypedDict):
    """A question about a group."""

    id: str
    kind: Literal["advantage", "teaches"]
    run: str
    step: int
    group: int
    choices: int
    state: Literal["open", "closed", "revealed", "ended"]
    tallies: list[int]  # votes for each choice
    voted: int
    right: NotRequired[list[int]]  # after the reveal


class Score(TypedDict):
    """What somebody's flags came to."""

    flags: int
    hits: int
    misses: int
    score: int


class Ranked(TypedDict):
    """One of the best hunters."""

    name: str
    score: int


class Hunt(TypedDict):
    """A reward-hack hunt on a run."""

    id: str
    run: str
    reward: str
    rule: str
    flags: int
    hits: int
    misses: int
    board: list[Ranked]


class Lead(TypedDict):
    """What the teacher looks at while the class follows."""

    by: str
    view: dict[str, Any]  # a View without what a link leaves out and sets
    since: float


class Class(TypedDict):
    """What the class does: the same for all students, and for the teacher with a little more."""

    type: Literal["class"]
    role: Literal["teacher", "student"]
    title: str
    people: int
    here: int
    focus: Lead | None
    poll: Poll | None
    hunt: Hunt | None
    join: NotRequired[Join]
    door: NotRequired[Door]


class Vote(TypedDict):
    """What somebody chose in a poll."""

    poll: str
    choice: int


class Own(TypedDict):
    """What is one's own in a class; in a hunt the teacher gets everybody's flags."""

    type: Literal["own"]
    you: Member
    vote: NotRequired[Vote]
    score: NotRequired[Score]  # in a hunt; not the teacher
    flags: NotRequired[list[list[int | None]]]  # step, group, completion, how many, 1 for a hit


FeedMessage = Hello | Runs | RunChange | Metrics | Board | Atlas | Findings | Gone | Class | Own
"""What the feed sends."""

# --- The page ----------------------------------------------------------------------------------


class Wanted(TypedDict):
    """What the page asks the feed for."""

    run: str
    step: int | None  # null: the latest
    group: int
    atlas: bool


class View(TypedDict):
    """Where a page is: all that its address carries."""

    run: str | None
    step: int | None
    group: int
    shade: str  # what tokens are shaded by
    sort: str  # the order of the cards
    tool: str | None  # of the bench that is open
    token: tuple[int, int] | None  # a completion's number, and the token's in it
    others: list[str]  # runs whose curves are drawn too
    stage: str | None  # how much of the group is shown
    tour: int | None  # the stop of the guided tour
    hidden: list[str]  # parts of the page that are left out
    settings: dict[str, str]  # of the next run


# --- A trial -----------------------------------------------------------------------------------


class TrialRequest(TypedDict):
    """What is tried on a group, see trials."""

    run: str
    step: int
    group: int
    preset: str
    weights: dict[str, float]
    edits: dict[str, str]  # a completion's number -> its text
    token: tuple[int, int] | None


class FormulaLine(TypedDict):
    """One line of a method's formula."""

    name: str
    symbol: str
    formula: list[Any]  # see algorithm.formula
    words: str
    many: bool


class Formula(TypedDict):
    """A method's formula."""

    lines: list[FormulaLine]
    written: dict[str, Any]  # symbol -> how it is written


class BatchSize(TypedDict):
    """The size of the optimizer step."""

    sequences: float
    tokens: float
    exact: bool


class RowFacts(TypedDict):
    """The numbers of a completion after the trial."""

    share: float | None
    held: int
    objective: float | None
    push: float | None
    kl: float | None
    ratio: float | None


class Facts(TypedDict):
    """The numbers of the group as a whole."""

    weights: dict[str, float | None]
    formula: Formula
    kl_in_reward: bool
    by_group: bool
    numbers: dict[str, Any]  # options that stand in the formula
    mean: float | None
    std: float | None
    divisor: float | None
    rewards: Numbers  # one a completion
    tied: bool
    loss: float | None
    batch: BatchSize
    rows: list[RowFacts | None]  # null of an edited text


class SymbolFacts(TypedDict):
    """A symbol of the formula at one token."""

    value: float | None
    entry: str  # its name in the glossary
    source: str  # what computes it
    meaning: str


class TokenFacts(TypedDict):
    """The chosen token; `refused` alone where it has no numbers."""

    refused: NotRequired[str]
    completion: NotRequired[int]
    token: NotRequired[int]
    text: NotRequired[str]
    recorded_push: NotRequired[float | None]
    symbols: NotRequired[dict[str, SymbolFacts]]
    methods: NotRequired[dict[str, dict[str, Any]]]  # their numbers, or {refused}


class TrialAnswer(TypedDict):
    """What a trial comes to."""

    run: str
    step: int
    group: int
    board: GroupPayload
    facts: Facts
    token: TokenFacts | None


# --- The rest ----------------------------------------------------------------------------------


class GlossaryEntry(TypedDict):
    """An entry of the glossary."""

    name: str
    meaning: str
    unit: str
