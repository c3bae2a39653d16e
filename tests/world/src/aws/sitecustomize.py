"""Mends what moto 5.2.1 lacks of AWS, as far as an instance needs it. Python runs this before moto."""

import moto.eks.responses as eks
import moto.iam.access_control as access_control


def signs_no_body():
    """Where a call has no body, moto signs its parameters or its headers in place of the empty body: no GET would ever pass."""
    base = access_control.IAMRequestBase
    create = base._create_aws_request

    def create_aws_request(self):
        if self._method in ("GET", "HEAD", "DELETE") and not self._body:
            self._data = b""
        return create(self)

    base._create_aws_request = create_aws_request


def keeps_access_config():
    """A cluster says how it authenticates. As at AWS, who made it an administrator is never told again."""
    create = eks.EKSResponse.create_cluster

    def create_cluster(self):
        answer = create(self)
        asked = self._get_param("accessConfig") or {}
        cluster = self.eks_backend.describe_cluster(self._get_param("name"))
        cluster.access_config = {"authenticationMode": asked.get("authenticationMode", "CONFIG_MAP")}
        return answer

    eks.EKSResponse.create_cluster = create_cluster


signs_no_body()
keeps_access_config()
