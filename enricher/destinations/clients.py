"""Create the function's AWS clients, all from one botocore session.

Not from boto3, whose import brings the S3 transfer manager and `multiprocessing`: a tenth of init's time, for
nothing that a client needs.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.session import Session


@cache
def shared_session() -> Session:
    """Return the one session: credentials, configuration and what it loaded are shared by its clients."""
    return botocore.session.get_session()


def make_client(service: str, config: Config, region: str | None = None) -> Any:
    """Create a client; region: other than the function's own."""
    return shared_session().create_client(service, region_name=region, config=config)


def own_region() -> str | None:
    """Return the function's own Region, None if none is configured."""
    region: str | None = shared_session().get_config_variable("region")
    return region
