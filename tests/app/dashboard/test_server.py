"""The server: who is answered, what may be changed, and that torch stays out."""

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import fake_run
import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from grpo_core.analysis.lens import labels
from grpo_core.app.dashboard.feed import Feed
from grpo_core.app.dashboard.guard import hostname
from grpo_core.app.dashboard.runs import RECORDED, RunBook, describe
from grpo_core.app.dashboard.server import ASSETS, create_app, guarded, listen
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.recipes import RECIPES
from grpo_core.runs import Run

LOCAL = {"host": "127.0.0.1:7860"}


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    fake_run.record(tmp_path / "shipped", "recorded", steps=2)
    book = RunBook(tmp_path / "runs", tmp_path / "shipped", start_worker=lambda path: None)
    app = guarded(create_app(book, with_gradio=False), ["lab.example.org"])
    with TestClient(app, headers=LOCAL) as client:
        client.shipped = tmp_path / "shipped"
        yield client


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:7860", 200),
        ("localhost:7860", 200),
        ("LOCALHOST", 200),
        ("[::1]:7860", 200),
        ("192.168.1.7:7860", 200),
        ("lab.example.org", 200),
        ("evil.example.com:7860", 403),
        ("localhost.evil.example.com", 403),
        ("127.0.0.1.evil.example.com", 403),
        ("", 403),
        ("[", 403),
    ],
)
def test_host(client: TestClient, host: str, status: int) -> None:
    assert client.get("/lab/status", headers={"host": host}).status_code == status


def test_hostname() -> None:
    assert hostname("A.b:80") == "a.b"
    assert hostname("[::1]:80") == "::1"
    assert hostname("x@y") == "y"
    assert hostname("[") == ""


ORIGINS = [
    ("http://127.0.0.1:7860", True),
    ("https://lab.example.org", True),
    ("http://127.0.0.1:8888", False),
    ("http://localhost:7860", False),
    ("http://evil.example.com", False),
    ("http://127.0.0.1:7860.evil.example.com", False),
    ("null", False),
]


@pytest.mark.parametrize(("origin", "accepted"), ORIGINS)
def test_origin_of_a_post(client: TestClient, origin: str, accepted: bool) -> None:
    answer = client.post("/lab/api/runs", json={"seed": -1}, headers={"origin": origin})
    assert answer.status_code == (409 if accepted else 403)


@pytest.mark.parametrize(("origin", "accepted"), ORIGINS)
def test_origin_of_a_websocket(client: TestClient, origin: str, accepted: bool) -> None:
    headers = {**LOCAL, "origin": origin}
    if accepted:
        with client.websocket_connect("/lab/ws", headers=headers) as socket:
            socket.send_json({"run": None})
            assert socket.receive_json()["type"] == "hello"
    else:
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect("/lab/ws", headers=headers),
        ):
            pass


def test_websocket_serves_a_board_and_survives_junk(client: TestClient) -> None:
    with client.websocket_connect("/lab/ws", headers=LOCAL) as socket:
        socket.send_text("{not json")
        socket.send_text("[" * 2000)
        socket.send_json({"run": "../../etc/passwd"})
        kinds = [socket.receive_json() for _ in range(3)]
        assert [message["type"] for message in kinds] == ["hello", "runs", "gone"]
        assert kinds[0]["methods"] == labels() and labels()["dr_grpo"] == "Dr. GRPO"
        socket.send_json({"run": RECORDED + "recorded", "step": 1, "group": 2})
        messages = [socket.receive_json() for _ in range(2)]
        assert messages[0]["type"] == "metrics" and messages[0]["steps"] == [0, 1, 2]
        assert messages[1]["step"] == 1 and len(messages[1]["completions"]) == 16


def test_start_and_control(client: TestClient, tmp_path: Path) -> None:
    answer = client.post("/lab/api/runs", json={"max_steps": 3, "seed": 5})
    key = answer.json()["run"]
    run = Run(tmp_path / "runs" / key)
    assert answer.status_code == 200 and run.config.max_steps == 3
    for want in ("pause", "step", "stop"):
        answer = client.post(f"/lab/api/runs/{key}/control", json={"want": want})
        assert answer.status_code == 200
        control = json.loads((run.path / "control.json").read_text())
        assert control == {"sequence": answer.json()["sequence"], "want": want}
    again = client.post("/lab/api/runs", json={})
    assert again.status_code == 409 and "stop it first" in again.json()["error"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/lab/api/runs/..%2F..%2Fetc/control", {"want": "stop"}, {404, 409}),
        ("/lab/api/runs/%2e%2e/control", {"want": "stop"}, {404, 405, 409}),
        ("/lab/api/runs/recorded:recorded/control", {"want": "stop"}, {409}),
        ("/lab/api/runs/recorded/control", {"want": "stop"}, {409}),
        ("/lab/assets/../server.py", None, {404}),
        ("/lab/assets/..%2fserver.py", None, {404}),
        ("/lab/assets/%2e%2e/server.py", None, {404}),
    ],
)
def test_no_way_out_of_the_folder(client: TestClient, path: str, body, status: set[int]) -> None:
    answer = client.get(path) if body is None else client.post(path, json=body)
    assert answer.status_code in status


def test_changes_only_by_post_with_json(client: TestClient) -> None:
    assert client.get("/lab/api/runs").status_code == 404
    plain = client.post("/lab/api/runs", content="{}", headers={"content-type": "text/plain"})
    assert plain.status_code == 415
    json_type = {"content-type": "application/json"}
    for content, status in [("[]", 400), ("{", 400), ("[" * 9999, 400), ("x" * 30_000, 413)]:
        assert (
            client.post("/lab/api/runs", content=content, headers=json_type).status_code == status
        )


def test_the_glossary_is_served_as_text(client: TestClient) -> None:
    entries = client.get("/lab/glossary").json()
    assert {tuple(entry) for entry in entries} == {("name", "meaning", "unit")}
    assert "loss" in [entry["name"] for entry in entries]


def test_headers(client: TestClient) -> None:
    headers = client.get("/").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "http" not in policy and "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_assets_never_parse_html_and_name_no_host() -> None:
    for path in ASSETS.iterdir():
        text = path.read_text(encoding="utf-8")
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert word not in text, f"{word} in {path.name}"
        styled = re.search(r"""(?<!h\()["']style["'],|\bstyle:|<[^>]+\sstyle=""", text)
        if path.suffix in (".js", ".html"):  # a strict policy forbids it: see dom.js, setStyle
            assert not styled, f"{path.name} writes a style attribute: {styled}"
        assert "<<<<<<<" not in text and ">>>>>>>" not in text, f"a merge's mark in {path.name}"
        outside = text.replace("http://www.w3.org/2000/svg", "")  # names, never fetched
        outside = outside.replace("http://www.w3.org/1998/Math/MathML", "")
        assert "http://" not in outside and "https://" not in outside, path.name


def test_a_taken_port(capsys: pytest.CaptureFixture[str]) -> None:
    first = listen("127.0.0.1", 47_860)
    port = first.getsockname()[1]
    second = listen("127.0.0.1", port)
    try:
        assert second.getsockname()[1] > port
        assert f"Port {port} is taken: using" in capsys.readouterr().out
    finally:
        first.close()
        second.close()
    with pytest.raises(LabError, match="Cannot listen"):
        listen("203.0.113.1", 47_860)


def test_no_viewer_no_work(tmp_path: Path) -> None:
    assert Feed(RunBook(tmp_path))._poller is None


def test_the_page_needs_no_torch(tmp_path: Path) -> None:
    """The whole page, Gradio included, is made without torch or transformers."""
    program = f"""
        import sys, time, app
        from pathlib import Path
        from fastapi.testclient import TestClient
        from grpo_core.app.dashboard.runs import RunBook
        from grpo_core.app.dashboard.server import create_app, guarded
        book = RunBook(Path({str(tmp_path)!r}))
        with TestClient(guarded(create_app(book)), base_url="http://localhost") as client:
            assert "data-shell" in client.get("/").text
            for _ in range(2000):
                if client.get("/lab/status").json()["ready"]:
                    break
                time.sleep(0.1)
            page = client.get("/").text
            assert "gradio" in page and "lab/assets/page.js" in page, page[:500]
            assert '"analytics_enabled":false' in page
        bad = [name for name in ("torch", "transformers", "datasets") if name in sys.modules]
        assert not bad, bad
        print("fine")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        timeout=250,
    )
    assert done.stdout.strip().endswith("fine"), done.stdout + done.stderr


# --- the lens ----------------------------------------------------------------------------------

ASKED = {"run": RECORDED + "recorded", "step": 2, "group": 1}


def ask(client: TestClient, **more: object) -> dict:
    answer = client.post("/lab/api/lens", json={**ASKED, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_lens_shows_a_group_after_a_trial(client: TestClient) -> None:
    plain = ask(client)
    cards = plain["board"]["completions"]
    assert len(cards) == 16 and plain["token"] is None
    assert plain["facts"]["weights"] == {"accuracy_reward": 1.0, "format_reward": 0.3}
    tied = ask(client, weights={"accuracy_reward": 0, "format_reward": 0})
    assert tied["facts"]["tied"] and tied["board"]["dead"]
    assert {card["advantage"] for card in tied["board"]["completions"]} == {0.0}
    target = Run(client.shipped / "recorded").group(2, 1).columns["target"]
    numbers = Run(client.shipped / "recorded").group(2, 1).columns["numbers"]
    right = f"<think> x </think> <answer> {' + '.join(map(str, numbers))} </answer>"
    assert sum(numbers) == target
    edited = ask(client, edits={"3": right})["board"]["completions"][3]
    assert edited["edited"] and edited["rewards"] == {"accuracy_reward": 1.0, "format_reward": 1.0}
    assert edited["logprob"] == [] and "push" not in edited


def test_the_lens_tells_all_of_a_token(client: TestClient) -> None:
    token = ask(client, token=[2, 0], preset="gspo")["token"]
    assert token["completion"] == 2 and token["symbols"]["push"]["entry"] == "push"
    assert token["methods"]["gspo"]["push"] == pytest.approx(token["symbols"]["push"]["value"])
    assert "no critic" in token["methods"]["ppo"]["refused"]
    for symbol in token["symbols"].values():
        answer = client.get("/lab/source", params={"of": symbol["source"]})
        assert answer.status_code == 200 and answer.json()["text"]


def test_the_lens_sends_the_formula_as_data(client: TestClient) -> None:
    facts = ask(client, preset="sapo")["facts"]
    lines = {line["symbol"]: line for line in facts["formula"]["lines"]}
    assert lines["S"]["formula"][0][:2] == ["call", "sigmoid"]
    assert facts["formula"]["written"]["tau"] == ["letter", "τ"]
    assert facts["by_group"] and not facts["kl_in_reward"] and "KL" not in lines
    assert "tau" not in ask(client, preset="grpo")["facts"]["formula"]["written"]
    assert ask(client, preset="rloo", token=None)["facts"]["kl_in_reward"]


def test_a_token_without_numbers_leaves_the_rest_of_the_answer(client: TestClient) -> None:
    for place in ([99, 0], [0, 99_999]):
        answer = ask(client, token=place)
        assert "no such token" in answer["token"]["refused"] and answer["board"]
    edited = ask(client, token=[0, 0], edits={"0": "<answer> 1 </answer>"})
    assert "not available without running the model" in edited["token"]["refused"]
    assert edited["board"]["completions"][0]["edited"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "store:Run", "", "x" * 10_000])
def test_no_other_source_is_shown(client: TestClient, name: str) -> None:
    assert client.get("/lab/source", params={"of": name}).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"run": 3},
        {**ASKED, "run": "../../etc/passwd"},
        {**ASKED, "step": "2"},
        {**ASKED, "step": -1},
        {**ASKED, "step": 99},
        {**ASKED, "step": True},
        {**ASKED, "group": 99},
        {**ASKED, "preset": ["grpo"]},
        {**ASKED, "preset": "nonsense"},
        {**ASKED, "weights": [1]},
        {**ASKED, "weights": {"accuracy_reward": "1"}},
        {**ASKED, "weights": {"accuracy_reward": True}},
        {**ASKED, "weights": {"accuracy_reward": 1e300}},
        {**ASKED, "edits": {"x": "text"}},
        {**ASKED, "edits": {"²": "text"}},
        {**ASKED, "edits": {"99": "text"}},
        {**ASKED, "edits": {"0": 3}},
        {**ASKED, "edits": {"0": "x" * 4001}},
        {**ASKED, "edits": {str(i): "x" for i in range(9)}},
        {**ASKED, "token": [0]},
        {**ASKED, "token": "0.1"},
    ],
)
def test_a_lens_refuses_what_is_not_a_trial(client: TestClient, body: dict) -> None:
    answer = client.post("/lab/api/lens", json=body)
    assert answer.status_code == 409 and answer.json()["error"]


def test_a_lens_takes_no_more_than_it_must(client: TestClient) -> None:
    body = json.dumps(ASKED) + " " * 250_001
    headers = {"content-type": "application/json"}
    assert client.post("/lab/api/lens", content=body, headers=headers).status_code == 413
    nan = json.dumps({**ASKED, "weights": {"accuracy_reward": float("nan")}})
    assert client.post("/lab/api/lens", content=nan, headers=headers).status_code == 409
    other = {**headers, "origin": "http://evil.example.com"}
    assert client.post("/lab/api/lens", json=ASKED, headers=other).status_code == 403


def test_a_trial_leaves_the_record_as_it_was(client: TestClient) -> None:
    before = ask(client)
    ask(client, weights={"accuracy_reward": -3}, edits={"0": "<answer> 1 </answer>"}, preset="rloo")
    assert ask(client) == before


# --- forks -------------------------------------------------------------------------------------


@pytest.fixture
def parent(client: TestClient, tmp_path: Path) -> str:
    path = fake_run.record(tmp_path / "runs", "parent", steps=2, learning_rate=0.001)
    (path / "checkpoints" / "step-000002").mkdir(parents=True)
    return path.name


def fork(client: TestClient, run: str, **body: object) -> object:
    whole = {"step": 2, "options": {}, **body}
    return client.post(f"/lab/api/runs/{run}/fork", json=whole)


def test_a_fork_is_the_parents_run_from_its_model(
    client: TestClient, parent: str, tmp_path: Path
) -> None:
    answer = fork(client, parent, preset="gspo", options={"beta": 0.01, "num_generations": 4})
    assert answer.status_code == 200, answer.text
    run = Run(tmp_path / "runs" / answer.json()["run"])
    config, before = run.config, Run(tmp_path / "runs" / parent).config
    assert config.model == str(tmp_path / "runs" / parent / "checkpoints" / "step-000002")
    assert (config.beta, config.num_generations) == (0.01, 4)
    assert config.prompts_per_step == before.prompts_per_step
    assert config.importance_sampling_level == "sequence" and config.learning_rate == 0.001
    shown = describe(run.name, run)
    assert shown["forked"] == {"run": parent, "step": 2} and shown["models"] == []
    assert describe(parent, Run(tmp_path / "runs" / parent))["models"] == [2]
    assert describe(parent, Run(tmp_path / "runs" / parent))["forked"] is None


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"step": 1}, 409, "no saved model of step 1; it has: 2"),
        ({"step": "2"}, 400, "a step"),
        ({"options": []}, 400, "a step"),
        ({"options": {"model": "/etc"}}, 409, "cannot change model"),
        ({"options": {"task": "arithmetic"}}, 409, "cannot change task"),
        ({"options": {"num_generations": "many"}}, 409, "num_generations"),
        ({"options": {"num_generations": 1}}, 409, "2 or more"),
        ({"options": {"beta": -1}}, 409, "beta"),
        ({"preset": "nonsense"}, 409, "no preset"),
    ],
)
def test_what_cannot_be_forked(
    client: TestClient, parent: str, body: dict, status: int, words: str
) -> None:
    answer = fork(client, parent, **body)
    assert answer.status_code == status and words in answer.text
    assert fork(client, "../../etc").status_code in (404, 405, 409)
    assert fork(client, RECORDED + "recorded").status_code == 409


def test_the_metrics_of_another_run(client: TestClient, parent: str) -> None:
    found = client.get("/lab/metrics", params={"run": parent}).json()
    assert found["steps"] == [0, 1, 2] and len(found["metrics"]["reward"]) == 3
    assert client.get("/lab/metrics", params={"run": "nothing"}).status_code == 409


def test_a_start_by_a_recipe_takes_its_options_and_those_that_were_changed(
    client: TestClient, tmp_path: Path
) -> None:
    asked = {"recipe": "smollm2", "seed": 5, "num_generations": 4}
    answer = client.post("/lab/api/runs", json=asked)
    assert answer.status_code == 200, answer.text
    config = Run(tmp_path / "runs" / answer.json()["run"]).config
    recipe = RECIPES["smollm2"].options
    assert config == GRPOConfig.from_dict(recipe | {"seed": 5, "num_generations": 4})
    refused = client.post("/lab/api/runs", json={"recipe": "no such"})
    assert refused.status_code == 409
    assert "There is no recipe called 'no such'" in refused.json()["error"]


def test_an_experiment_that_cannot_be_run_says_what_it_needs() -> None:
    """In a process of its own: Gradio takes seconds and threads."""
    code = """
        import dataclasses, json
        from grpo_core.core import recipes
        lacking = dataclasses.replace(recipes.RECIPES["smollm2"], needs=("not_there",))
        recipes.RECIPES["smollm2"] = lacking
        from grpo_core.app.dashboard import panels
        components = panels.blocks().config["components"]
        buttons = {c["props"].get("elem_id"): c["props"] for c in components}
        shown = {name: buttons[f"lab-recipe-{name}"] for name in recipes.RECIPES}
        print(json.dumps({n: [p["interactive"], p["value"]] for n, p in shown.items()}))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    shown = json.loads(done.stdout.splitlines()[-1])
    assert shown["smollm2"][0] is False
    assert "Needs not-there: `make install`" in shown["smollm2"][1]
    for name in ("r1-zero", "no-verification", "format-too-large"):
        assert shown[name] == [True, f"{RECIPES[name].title}\n{RECIPES[name].look}"]
