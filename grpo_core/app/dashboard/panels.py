"""The Gradio page: the shell, the options of the next run, and the buttons.

What moves (charts, board, run list) is assets/lab.js in two gr.HTML hosts, which Gradio renders
once and never again. The buttons have no Python function: each calls the page's script, which
posts to the API of `server`. So there is one way to change a run, guarded in one place, and
nothing of Gradio's own API is needed: `allowlist` opens a few of its paths, and closes the rest.
"""

import json
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grpo_core.app.dashboard.guard import GRADIO_POLICY
from grpo_core.core.config import OPTIONS, GRPOConfig
from grpo_core.core.recipes import RECIPES, Recipe
from grpo_core.rewards import REWARDS
from grpo_core.tasks import TASKS

ASSETS = Path(__file__).parent / "assets"

HEAD = """
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="format-detection" content="telephone=no" />
<link rel="stylesheet" href="lab/assets/lab.css" />
<script type="module" src="lab/assets/page.js"></script>
"""
PAGE = "import(new URL('lab/assets/page.js', document.baseURI).href)"
FILL = f"{PAGE}.then((page) => page.fill(element.querySelector('[data-lab]')));"
# A plain list, so that Gradio asks no font server.
FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Consolas", "DejaVu Sans Mono", "monospace"]


class GradioOnly:
    """What holds for Gradio's answers alone: its page's policy, and no query.

    Nothing that the page needs has a query, while `/?deep_link=...` makes Gradio read a file.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on without its query, and add the policy to the answer."""

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = GRADIO_POLICY
            await send(message)

        await self.app({**scope, "query_string": b""}, receive, send_with_policy)


def page() -> FastAPI:
    """The whole page as an app of its own, to be mounted at the root."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(GradioOnly)
    return gr.mount_gradio_app(
        app,
        blocks(),
        path="/",
        server_name="127.0.0.1",
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        max_file_size=1,  # bytes: nothing here takes files, and Gradio's upload route stays open
        favicon_path=str(ASSETS / "icon.svg"),
        theme=gr.themes.Default(font=FONTS, font_mono=MONO, primary_hue="blue"),
        head=HEAD,
    )


def blocks() -> gr.Blocks:
    """Controls and run list on the left, the live part on the right."""
    with (
        gr.Blocks(title="GRPO Lab", analytics_enabled=False, fill_width=True) as demo,
        gr.Row(elem_id="lab-frame"),
    ):
        with gr.Column(elem_id="lab-side", scale=0, min_width=240):
            gr.HTML("<h1 class='lab-brand'>GRPO Lab</h1>", apply_default_css=False)
            _controls(demo)
            _host("runs")
        with gr.Column(elem_id="lab-body", scale=1, min_width=300):
            _host("main")
    return demo


def _host(part: str) -> None:
    """A place the page's script fills."""
    gr.HTML(
        html_template=f'<div data-lab="{part}"></div>',
        js_on_load=FILL,
        apply_default_css=False,
        elem_id=f"lab-{part}",
    )


def _controls(demo: gr.Blocks) -> None:
    """The buttons, what Start starts, and what a lesson link sets of it.

    An event without a function runs in the page alone. Its values reach Gradio's own state, so they
    hold for controls too that are not made yet, in an accordion that was never opened.
    """
    with gr.Row(elem_id="lab-buttons"):
        start = _button("Start", "lab-start", variant="primary")
        wishes = {
            "pause": _button("Pause", "lab-pause"),
            "run": _button("Resume", "lab-resume"),
            "step": _button("Step", "lab-step"),
            "stop": _button("Stop", "lab-stop"),
        }
    recipes = _recipes()
    options, weights = _options()
    controls = [*options.values(), *weights.values()]
    values = {name: _values(RECIPES[name], list(options), list(weights)) for name in recipes}
    for name, button in recipes.items():
        given = json.dumps([name, values[name]])
        button.click(fn=None, js=f"() => window.grpoLab.fill(...{given})", outputs=controls)
    names, rewards = json.dumps(list(options)), json.dumps(list(weights))
    start.click(
        fn=None,
        inputs=controls,
        js=f"(...values) => window.grpoLab.start({names}, values, {rewards})",
    )
    fill = {
        "fn": None,
        "inputs": controls,
        "outputs": controls,
        "js": f"async (...values) => (await {PAGE}, "
        f"window.grpoLab.prefill({names}, values, {rewards}, {json.dumps(values)}))",
    }
    demo.load(**fill)
    gr.Button("Bring the link's options", elem_id="lab-prefill", visible="hidden").click(**fill)
    for want, button in wishes.items():
        button.click(fn=None, js=f"() => window.grpoLab.control('{want}')")


def _button(text: str, name: str, variant: Any = "secondary") -> gr.Button:
    """A button that is disabled until the page's script knows what it can do."""
    return gr.Button(text, elem_id=name, variant=variant, min_width=60, interactive=False)


def _recipes() -> dict[str, gr.Button]:
    """A button for each recipe, which fills the options; greyed where it cannot be run."""
    with gr.Accordion("Experiments to try", open=False, elem_id="lab-recipes"):
        return {
            name: gr.Button(
                f"{recipe.title}\n{_told(recipe)}",
                elem_id=f"lab-recipe-{name}",
                elem_classes="lab-recipe",
                interactive=not recipe.missing,
            )
            for name, recipe in RECIPES.items()
        }


def _told(recipe: Recipe) -> str:
    """What to look for, or what is missing."""
    if recipe.missing:
        return f"Needs {' and '.join(recipe.missing)}: `make install` brings what it needs."
    return recipe.look


def _values(recipe: Recipe, options: list[str], rewards: list[str]) -> list[Any]:
    """What a recipe puts into the controls of some options, and of the rewards' weights."""
    config = GRPOConfig.from_dict(recipe.options)
    weights = dict(zip(config.reward_funcs, config.reward_weights, strict=True))
    return [getattr(config, name) for name in options] + [weights.get(name, 0) for name in rewards]


def _options() -> tuple[dict[str, Any], dict[str, Any]]:
    """The controls of the next run; what has none keeps its default.

    Returns:
        field name of GRPOConfig -> its control, and name of a reward -> the control of its weight.
    """
    default = GRPOConfig()
    with gr.Accordion("Options of the next run", open=False, elem_id="lab-options"):
        task = gr.Dropdown(list(TASKS), value=default.task, label="Task")
        model = gr.Dropdown(_models(), value=default.model, label="Model", allow_custom_value=True)
        with gr.Row():
            steps = _number("max_steps", "Steps", info=None, precision=0, min_width=90)
            seed = _number("seed", "Seed", info=None, precision=0, min_width=90)
        size = gr.Dropdown(
            [4, 8, 16, 32],
            value=default.num_generations,
            label="Group size G",
            info=OPTIONS["num_generations"].meaning,
        )
        rate = _number("learning_rate", "Learning rate", step=1e-4)
        beta = _number("beta", "Beta", step=1e-3)
        weights = _weights(default)
    options = {
        "task": task,
        "model": model,
        "max_steps": steps,
        "seed": seed,
        "num_generations": size,
        "learning_rate": rate,
        "beta": beta,
    }
    return options, weights


def _number(name: str, label: str, **look: Any) -> gr.Number:
    """A field for a numeric option, with its declared default, meaning and lowest value."""
    declared, default = OPTIONS[name], getattr(GRPOConfig(), name)
    lowest = declared.bound.low
    if isinstance(default, int) and lowest is not None and not declared.bound.low_included:
        lowest += 1
    return gr.Number(default, label=label, **({"info": declared.meaning} | look), minimum=lowest)


def _weights(default: GRPOConfig) -> dict[str, Any]:
    """One number for each registered reward, under the name that cards and charts give it."""
    given = dict(zip(default.reward_funcs, default.reward_weights, strict=True))
    with gr.Column(elem_id="lab-weights"):
        gr.HTML("<b>Reward weights</b><p>0 leaves it out.</p>", apply_default_css=False)
        return {
            name: gr.Number(
                given.get(name, 0),
                label=name.removesuffix("_reward").replace("_", " "),
                step=0.1,
            )
            for name in REWARDS
        }


def _models() -> list[str]:
    from grpo_core.models import MODELS

    return list(MODELS)
