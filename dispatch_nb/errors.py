"""Every error this package raises on purpose, as one tree.

::

    DispatchError
    ├── WireError              a value does not fit the Dispatch contract (also a ValueError)
    │   └── UnknownVariantError    a discriminator nobody knows
    ├── ModelError             a model or provider name that cannot be used (also a ValueError)
    ├── MessageError           a message that cannot be sent: empty, not text (also a ValueError)
    │   └── ImageError             something that is not an image, or too large
    ├── OutputError            an answer without the form asked for (also a ValueError)
    ├── SettingError           a setting that cannot be what its name says (also a ValueError)
    ├── TurnActiveError        a second turn was started while one runs
    ├── ConversationClosedError    a message for a conversation that was closed
    ├── TurnFailedError        a turn ended without an answer
    ├── ToolError              a function that cannot become a tool (also a TypeError)
    ├── ProviderConnectionError    a provider's stream broke off
    │   ├── ProviderUnreachableError   no connection to a provider was made
    │   └── ProviderSetupError         no connection can be made: a certificate, a proxy
    ├── ProviderDataError      a provider sent what cannot be read
    ├── FrameError             a frame that cannot be made as asked (also a ValueError)
    ├── StoreError             the store cannot be opened, read or written
    │   ├── StoreVersionError      the file was written by a newer version
    │   └── UnknownConversationError   no conversation with that id (also a KeyError)
    └── BundleMissingError     the front end was never built

Each message is a sentence for the person at the notebook: what was wrong, where,
and what to do.
"""

from __future__ import annotations

__all__ = [
    "BundleMissingError",
    "ConversationClosedError",
    "DispatchError",
    "FrameError",
    "ImageError",
    "MessageError",
    "ModelError",
    "OutputError",
    "ProviderConnectionError",
    "ProviderDataError",
    "ProviderSetupError",
    "ProviderUnreachableError",
    "SettingError",
    "StoreError",
    "StoreVersionError",
    "ToolError",
    "TurnActiveError",
    "TurnFailedError",
    "UnknownConversationError",
    "UnknownVariantError",
    "WireError",
]


class DispatchError(Exception):
    """Base of every error this package raises on purpose."""


class WireError(DispatchError, ValueError):
    """A value does not have the shape the Dispatch contract gives it."""


class UnknownVariantError(WireError):
    """A value carries a discriminator that its union does not know."""


class ModelError(DispatchError, ValueError):
    """A model or provider name cannot be used."""


class MessageError(DispatchError, ValueError):
    """A message cannot be sent as it is; nothing was stored."""


class ImageError(MessageError):
    """Something that was given as an image is none, or cannot be sent; nothing was stored."""


class OutputError(DispatchError, ValueError):
    """An answer does not have the form that was asked for; its text is in the transcript."""


class SettingError(DispatchError, ValueError):
    """A setting of a chat cannot be what its name says; nothing was stored."""


class FrameError(DispatchError, ValueError):
    """A frame cannot be made, written or read in the way it was asked for."""


class TurnActiveError(DispatchError):
    """A turn is already running in this conversation; nothing was stored."""


class ConversationClosedError(DispatchError):
    """The conversation was closed; nothing was stored."""


class TurnFailedError(DispatchError):
    """A turn ended without an answer; its error is part of the transcript."""


class ToolError(DispatchError, TypeError):
    """A function cannot be described as a tool."""


class ProviderConnectionError(DispatchError):
    """A provider could not be reached, or its stream broke off."""


class ProviderUnreachableError(ProviderConnectionError):
    """No connection to a provider was made: not one byte went to it."""


class ProviderSetupError(ProviderConnectionError):
    """A connection cannot be made as things are set up; trying again would give the same."""


class ProviderDataError(DispatchError):
    """A provider sent what cannot be read; asking again would give the same."""


class StoreError(DispatchError):
    """A store cannot be opened, read or written."""


class StoreVersionError(StoreError):
    """A store file was written by a newer version of this package."""


class UnknownConversationError(StoreError, KeyError):
    """A store holds no conversation with the given id."""

    def __str__(self) -> str:
        """Return the sentence itself, where ``KeyError`` would quote it."""
        return str(self.args[0]) if self.args else ""


class BundleMissingError(DispatchError):
    """The front-end bundle is not built; the message names the build command."""
