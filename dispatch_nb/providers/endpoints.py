"""Where the known providers are: one row each, which a model's prefix names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ENDPOINTS", "Endpoint"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One provider's API: the prefix that names it, and how it is reached.

    Parameters
    ----------
    name
        What stands before the colon of a model's name.
    title
        What its makers call it.
    api
        Which protocol it speaks.
    base_url
        Its address, or where such a server listens on one's own machine by default.
    variable
        The environment variable with the key.
    is_local
        Whether it is a server of one's own: it works without a key, and the key of its
        variable is for wherever it runs; another's key goes to the owner's address alone.
    """

    name: str
    title: str
    api: Literal["chat", "responses", "messages", "ollama"]
    base_url: str
    variable: str
    is_local: bool = False


_ROWS = (
    Endpoint("openai", "OpenAI", "chat", "https://api.openai.com/v1", "OPENAI_API_KEY"),
    Endpoint(
        "openai-responses", "OpenAI", "responses", "https://api.openai.com/v1", "OPENAI_API_KEY"
    ),
    Endpoint(
        "anthropic",
        "Anthropic",
        "messages",
        "https://api.anthropic.com/v1",
        "ANTHROPIC_API_KEY",
    ),
    Endpoint(
        "openrouter", "OpenRouter", "chat", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"
    ),
    Endpoint("deepseek", "DeepSeek", "chat", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    Endpoint("groq", "Groq", "chat", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    Endpoint("mistral", "Mistral", "chat", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    Endpoint("together", "Together", "chat", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    Endpoint("xai", "xAI", "chat", "https://api.x.ai/v1", "XAI_API_KEY"),
    Endpoint(
        "fireworks",
        "Fireworks",
        "chat",
        "https://api.fireworks.ai/inference/v1",
        "FIREWORKS_API_KEY",
    ),
    Endpoint("ollama", "Ollama", "chat", "http://localhost:11434/v1", "OLLAMA_API_KEY", True),
    Endpoint("ollama-chat", "Ollama", "ollama", "http://localhost:11434", "OLLAMA_API_KEY", True),
    Endpoint("vllm", "vLLM", "chat", "http://localhost:8000/v1", "VLLM_API_KEY", True),
    Endpoint("llamacpp", "llama.cpp", "chat", "http://localhost:8080/v1", "LLAMA_API_KEY", True),
    Endpoint("lmstudio", "LM Studio", "chat", "http://localhost:1234/v1", "LM_API_TOKEN", True),
    Endpoint("litellm", "LiteLLM", "chat", "http://localhost:4000/v1", "LITELLM_API_KEY", True),
)

ENDPOINTS = {row.name: row for row in _ROWS}
"""Every known provider by its prefix."""
