"""The head of a chat in a real JupyterLab: which models it suggests, and that any text will do."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from .lab import Lab, open_notebook

KEY = "sk-that-nobody-may-see"
MAKE = f"""
import os
os.environ["OPENAI_API_KEY"] = {KEY!r}
import dispatch_nb as dn
chat = dn.Chat("openai:gpt-4o", store=":memory:")
chat
"""
READ = "print(chat.model, chat.settings['temperature'])"


def test_a_model_is_chosen_by_keyboard_from_a_list_that_no_network_and_no_key_is_needed_for(
    browser: Browser, lab: Lab
) -> None:
    name = lab.write("models.ipynb", [MAKE, READ])
    with open_notebook(browser, lab, name) as notebook:
        page = notebook.page
        frames: list[str] = []
        page.on(
            "websocket",
            lambda socket: socket.on(
                "framereceived",
                lambda data: frames.append(data if isinstance(data, str) else str(data)),
            ),
        )
        page.reload()
        page.wait_for_function("() => window.jupyterapp")
        notebook.ready()
        notebook.run(0)
        chat = notebook.chat
        expect(chat).to_have_attribute("data-connection", "live")
        asked = len(frames)
        chat.locator("button.dnb-model").press("Enter")
        field = chat.locator("input[role=combobox]")
        expect(field).to_be_focused()
        # Nothing is asked for until someone wants it.
        assert not any("inputUsd" in frame for frame in frames[asked:])
        page.keyboard.press("ArrowDown")
        options = chat.locator("[role=option]")
        expect(options.first).to_be_visible()
        assert (options.first.get_attribute("title") or "").startswith("openai:")
        assert any("inputUsd" in frame for frame in frames[asked:])
        field.fill("anthropic haiku")
        expect(options).not_to_have_count(0)
        expect(chat.locator('[role=option]:not([title*="haiku"])')).to_have_count(0)
        # The list lies over everything, and inside the window.
        box = chat.locator("[role=listbox]").bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 900
        page.keyboard.press("ArrowDown")
        chosen = chat.locator("[role=option][aria-selected=true]")
        wanted = chosen.get_attribute("title")
        assert field.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
        page.keyboard.press("Enter")
        expect(field).to_have_value(wanted or "")
        expect(field).to_be_focused()
        expect(options).to_have_count(0)
        field.fill("vllm:a-model-of-tomorrow")
        expect(chat.locator(".dnb-models-end")).to_contain_text("No connection to")
        chat.locator("input[name=temperature]").fill("0.3")
        page.keyboard.press("Enter")
        expect(chat.locator(".dnb-settings")).to_be_hidden()
        expect(chat.locator(".dnb-model-name")).to_have_text("vllm:a-model-of-tomorrow")
        notebook.run(1)
        assert notebook.output(1).split() == ["vllm:a-model-of-tomorrow", "0.3"]
        assert not any(KEY in frame for frame in frames if "os.environ" not in frame)
