# Finds the package and reads the files of the configuration before Snakemake reads `config.yaml`.
import os
import sys

from snakemake.exceptions import WorkflowError

# The package is not installed: the Snakefile finds it by this path, scripts by PYTHONPATH.
WORKFLOW = os.path.join(workflow.basedir, "workflow")
sys.path.insert(0, WORKFLOW)

from fairser.config.given_files import check_files, profiles
from fairser.core.errors import InputError

if workflow.is_main_process:
    try:
        check_files(
            [*workflow.config_settings.configfiles, "config.yaml"],
            profiles(sys.argv[1:], os.environ),
        )
    except InputError as error:
        raise WorkflowError(str(error)) from None
