"""What a user can do wrong, as one small tree of exceptions.

    TabwrightError            one sentence: names the file, field or setting, and the way out
    ├── DataError             a manifest, a source file, a shard
    ├── ModelError            a model folder: missing, corrupt, wrong checksum, wrong shape
    ├── RuntimeMissingError   no onnxruntime, or two of them
    └── ConfigError           a setting, an option, a position

Bugs of our own are not here: those are `assert`.
"""


def plain(said: object) -> str:
    """What a library says, which may quote a file of others: without what a terminal would act on."""
    return "".join(one if one.isprintable() else "\ufffd" for one in str(said))


class TabwrightError(ValueError):
    """Base of everything that a user did and can mend; the command line prints it without a traceback."""


class DataError(TabwrightError):
    """A manifest, source file, tokenizer or shard that cannot be used as it is."""


class ModelError(TabwrightError):
    """A model folder that is missing, incomplete, corrupt or not the one its checksums describe."""


class RuntimeMissingError(TabwrightError):
    """onnxruntime is absent, or onnxruntime and onnxruntime-gpu are installed over each other."""


class ConfigError(TabwrightError):
    """A setting or command-line value out of its range."""
