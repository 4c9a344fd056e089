/**
 * What the server and the page say to each other.
 * Made by `python scripts/page_types.py` of dashboard/messages.py: change that.
 */

/** One completion of a board. What says nothing new (a ratio of 1, no reference) is left out. */
export interface Card {
  /** as it was decoded, without special tokens */
  text: string;
  /** as they are shown; words with their spaces, where no tokens are on record */
  tokens: Array<string>;
  /** a letter a token, see payloads.parts_of_tokens */
  parts: string;
  /** what stands between two tokens when they are shown: "" or " " */
  gap: string;
  /** of the text, where no tokens are on record */
  characters?: number;
  /** in tokens; null of an edited text */
  length: number | null;
  /** it did not end within the allowed tokens */
  truncated: boolean;
  /** somebody's own words, see trials */
  edited?: boolean;
  /** the weighted sum */
  reward: number | null;
  /** each part, without its weight */
  rewards: { [name: string]: number | null };
  advantage: number | null;
  /** when it was drawn */
  logprob: Array<number | null>;
  ratio?: Array<number | null>;
  /** the tokens that the clip left without gradient */
  held?: Array<number>;
  kl?: Array<number | null>;
  entropy?: Array<number | null>;
  /** of each token, where tokens have their own */
  advantages?: Array<number | null>;
  /** what the critic expected */
  values?: Array<number | null>;
  /** of the log-probability, by the update */
  change?: Array<number | null>;
  /** whole numbers; times push_unit they are the recorded push */
  push?: Array<number>;
}

/** A group of the step, for the picker. */
export interface GroupSummary {
  prompt: string;
  /** reward */
  mean: number | null;
  /** reward */
  max: number | null;
  /** null while a class is asked about it */
  dead: boolean | null;
  /** of a shared file, to keep it small */
  left_out?: boolean;
}

/** One group as the board draws it. */
export interface GroupPayload {
  prompt: string;
  /** what the prompt asks: the last turn of a conversation */
  question: string;
  dead: boolean | null;
  /** completions that are not sent */
  hidden: number;
  push_unit: number | null;
  completions: Array<Card>;
}

/** The group that is shown, of a step. Without completions where the step sampled none. */
export interface Board {
  type: "board";
  run: string;
  /** null of groups that a notebook made itself */
  step: number | null;
  groups: Array<GroupSummary>;
  /** which of them */
  group?: number;
  prompt?: string;
  question?: string;
  dead?: boolean | null;
  hidden?: number;
  push_unit?: number | null;
  completions?: Array<Card>;
  /** what a question hides, see masking */
  masked?: "group" | "step";
  /** of a shared file: another step's, as the requested one is left out */
  instead?: boolean;
  /** of a notebook's board */
  title?: string;
}

/** The first message. */
export interface Hello {
  type: "hello";
  /** another one after each start of the server */
  boot: string;
  /** the whole page with its controls can be loaded */
  ready: boolean;
  /** name -> how it is written */
  methods: { [name: string]: string };
}

/** Where a fork began. */
export interface Forked {
  /** its name */
  run: string;
  step: number;
}

/** One line of the run list. */
export interface RunEntry {
  key: string;
  name: string;
  /** shipped with the kit */
  recorded: boolean;
  status: string;
  /** a process trains it */
  live: boolean;
  /** the last that is on record */
  step: number | null;
  /** seconds of the epoch */
  started: number | null;
  ended: number | null;
  problem: string | null;
  /** steps whose model is saved */
  models: Array<number>;
  forked: Forked | null;
  /** some of its options */
  config: { [name: string]: any };
}

/** The run list. */
export interface Runs {
  type: "runs";
  /** the server's clock */
  now: number;
  runs: Array<RunEntry>;
}

/** The one entry of the run list that changed. */
export interface RunChange {
  type: "run";
  now: number;
  run: RunEntry;
}

/** Steps that the page has not got, or that replace those it has. */
export interface Metrics {
  type: "metrics";
  run: string;
  /** forget what was there */
  reset: boolean;
  steps: Array<number>;
  /** one a step */
  metrics: { [name: string]: Array<number | null> };
  /** seconds of each phase */
  phases?: { [name: string]: Array<number | null> };
}

/** One completion of a run. */
export interface Place {
  step: number;
  group: number;
  completion: number;
}

/** Groups of steps that the page has not got. */
export interface Atlas {
  type: "atlas";
  run: string;
  reset: boolean;
  /** see dashboard.atlas */
  cells: Array<Array<any>>;
  /** number -> what was asked */
  prompts: { [name: string]: string };
  /** what was done -> the first completion that did */
  firsts: { [name: string]: Place };
  /** the last step that the page then has */
  last: number;
}

/** One question of the diagnosis, answered. */
export interface FindingEntry {
  name: string;
  question: string;
  verdict: string;
  sign: string;
  headline: string;
  answer: string;
  evidence: { [name: string]: number | null };
  metrics: Array<string>;
  /** the first and the last it speaks of */
  steps: Array<number> | null;
}

/** The diagnosis so far. */
export interface Findings {
  type: "findings";
  run: string;
  step: number;
  findings: Array<FindingEntry>;
}

/** The requested run does not exist. */
export interface Gone {
  type: "gone";
  run: string;
}

/** Somebody of the class. */
export interface Member {
  id: string;
  name: string;
}

/** How to come in; the teacher's alone. */
export interface Join {
  /** null until it is known */
  url: string | null;
  code: string;
}

/** Who may come in; the teacher's alone. */
export interface Door {
  open: boolean;
  /** networks with as many connections as they may have */
  full: Array<string>;
  /** who was removed */
  out: Array<Member>;
}

/** A question about a group. */
export interface Poll {
  id: string;
  kind: "advantage" | "teaches";
  run: string;
  step: number;
  group: number;
  choices: number;
  state: "open" | "closed" | "revealed" | "ended";
  /** votes for each choice */
  tallies: Array<number>;
  voted: number;
  /** after the reveal */
  right?: Array<number>;
}

/** What somebody's flags came to. */
export interface Score {
  flags: number;
  hits: number;
  misses: number;
  score: number;
}

/** One of the best hunters. */
export interface Ranked {
  name: string;
  score: number;
}

/** A reward-hack hunt on a run. */
export interface Hunt {
  id: string;
  run: string;
  reward: string;
  rule: string;
  flags: number;
  hits: number;
  misses: number;
  board: Array<Ranked>;
}

/** What the teacher looks at while the class follows. */
export interface Lead {
  by: string;
  /** a View without what a link leaves out and sets */
  view: { [name: string]: any };
  since: number;
}

/** What the class does: the same for all students, and for the teacher with a little more. */
export interface Class {
  type: "class";
  role: "teacher" | "student";
  title: string;
  people: number;
  here: number;
  focus: Lead | null;
  poll: Poll | null;
  hunt: Hunt | null;
  join?: Join;
  door?: Door;
}

/** What somebody chose in a poll. */
export interface Vote {
  poll: string;
  choice: number;
}

/** What is one's own in a class; in a hunt the teacher gets everybody's flags. */
export interface Own {
  type: "own";
  you: Member;
  vote?: Vote;
  /** in a hunt; not the teacher */
  score?: Score;
  /** step, group, completion, how many, 1 for a hit */
  flags?: Array<Array<number | null>>;
}

/** What the page asks the feed for. */
export interface Wanted {
  run: string;
  /** null: the latest */
  step: number | null;
  group: number;
  atlas: boolean;
}

/** Where a page is: all that its address carries. */
export interface View {
  run: string | null;
  step: number | null;
  group: number;
  /** what tokens are shaded by */
  shade: string;
  /** the order of the cards */
  sort: string;
  /** of the bench that is open */
  tool: string | null;
  /** a completion's number, and the token's in it */
  token: [number, number] | null;
  /** runs whose curves are drawn too */
  others: Array<string>;
  /** how much of the group is shown */
  stage: string | null;
  /** the stop of the guided tour */
  tour: number | null;
  /** parts of the page that are left out */
  hidden: Array<string>;
  /** of the next run */
  settings: { [name: string]: string };
}

/** What is tried on a group, see trials. */
export interface TrialRequest {
  run: string;
  step: number;
  group: number;
  preset: string;
  weights: { [name: string]: number };
  /** a completion's number -> its text */
  edits: { [name: string]: string };
  token: [number, number] | null;
}

/** One line of a method's formula. */
export interface FormulaLine {
  name: string;
  symbol: string;
  /** see algorithm.formula */
  formula: Array<any>;
  words: string;
  many: boolean;
}

/** A method's formula. */
export interface Formula {
  lines: Array<FormulaLine>;
  /** symbol -> how it is written */
  written: { [name: string]: any };
}

/** The size of the optimizer step. */
export interface BatchSize {
  sequences: number;
  tokens: number;
  exact: boolean;
}

/** The numbers of a completion after the trial. */
export interface RowFacts {
  share: number | null;
  held: number;
  objective: number | null;
  push: number | null;
  kl: number | null;
  ratio: number | null;
}

/** The numbers of the group as a whole. */
export interface Facts {
  weights: { [name: string]: number | null };
  formula: Formula;
  kl_in_reward: boolean;
  by_group: boolean;
  /** options that stand in the formula */
  numbers: { [name: string]: any };
  mean: number | null;
  std: number | null;
  divisor: number | null;
  /** one a completion */
  rewards: Array<number | null>;
  tied: boolean;
  loss: number | null;
  batch: BatchSize;
  /** null of an edited text */
  rows: Array<RowFacts | null>;
}

/** A symbol of the formula at one token. */
export interface SymbolFacts {
  value: number | null;
  /** its name in the glossary */
  entry: string;
  /** what computes it */
  source: string;
  meaning: string;
}

/** The chosen token; `refused` alone where it has no numbers. */
export interface TokenFacts {
  refused?: string;
  completion?: number;
  token?: number;
  text?: string;
  recorded_push?: number | null;
  symbols?: { [name: string]: SymbolFacts };
  /** their numbers, or {refused} */
  methods?: { [name: string]: { [name: string]: any } };
}

/** What a trial comes to. */
export interface TrialAnswer {
  run: string;
  step: number;
  group: number;
  board: GroupPayload;
  facts: Facts;
  token: TokenFacts | null;
}

/** An entry of the glossary. */
export interface GlossaryEntry {
  name: string;
  meaning: string;
  unit: string;
}

export type FeedMessage = Hello | Runs | RunChange | Metrics | Board | Atlas | Findings | Gone | Class | Own;
