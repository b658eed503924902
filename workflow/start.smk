# Finds the package and reads the files of the configuration before Snakemake reads `config.yaml`.
import os
import sys
from importlib.util import find_spec

from snakemake.exceptions import WorkflowError

# In a clone the package is beside this file: Snakefiles find it by this path, scripts by PYTHONPATH.
# A Snakefile from elsewhere, such as github(...), needs the package to be installed.
here = workflow.current_basedir.get_path_or_uri(secret_free=True)
if os.path.isdir(os.path.join(here, "fairser")):
    sys.path.insert(0, here)
if find_spec("fairser") is None:
    raise WorkflowError(
        "This Snakefile is not in a clone, so its package has to be installed: "
        'pip install "fair-ser[workflow]", in the version of the Snakefile.'
    )

from fairser.config.given_files import check_files, profiles
from fairser.core.errors import InputError
from fairser.core.places import WORKFLOW

if workflow.is_main_process:
    try:
        check_files(
            [*workflow.config_settings.configfiles, "config.yaml"],
            profiles(sys.argv[1:], os.environ),
        )
    except InputError as error:
        raise WorkflowError(str(error)) from None
