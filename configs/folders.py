"""The folder that holds a role's database."""

import os
from pathlib import Path

from configs.table import ConfigError

DATA_FOLDER = Path("~/.switchyard")


def make_data_folder(database: Path) -> Path:
    """Make the folder of `database` (0700) when it is missing and return it. Raises ConfigError when it is unusable."""
    folder = database.parent
    try:
        for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)
        if folder == DATA_FOLDER.expanduser():
            folder.chmod(0o700)
    except OSError as error:
        raise ConfigError(f"database.path: {folder} cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"database.path: {folder} cannot be written by this account; choose another folder")
    return folder
