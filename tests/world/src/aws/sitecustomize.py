"""Mends what moto 5.2.1 lacks of AWS, as far as an instance needs it. Python runs this before moto."""

import os
import uuid
from urllib.parse import parse_qsl, quote

import moto.acm.models as acm
import moto.eks.exceptions as refusals
import moto.eks.responses as eks
import moto.eks.urls as eks_urls
import moto.iam.access_control as access_control
from moto.core.responses import ActionResult, BaseResponse


def signs_no_body():
    """Where a call has no body, moto signs its parameters or its headers in place of the empty body: no GET would ever pass. And it
    signs a query as it reads it, not as it is sent."""
    base = access_control.IAMRequestBase
    create = base._create_aws_request

    def create_aws_request(self):
        if self._method in ("GET", "HEAD", "DELETE") and not self._body:
            self._data = b""
        request = create(self)
        path, _, query = request.url.partition("?")
        if query:
            pairs = parse_qsl(query, keep_blank_values=True)
            request.url = path + "?" + "&".join(f"{encoded(name)}={encoded(value)}" for name, value in pairs)
        return request

    def encoded(text):
        return quote(text, safe="-_.~")

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


def minor(version):
    return int(version.split(".")[1])


def changes_versions():
    """A cluster and its nodes are brought to a newer version, each change known by an id. It is done at once; what is refused is as at AWS."""

    def done(kind):
        return ActionResult({"update": {"id": str(uuid.uuid4()), "status": "Successful", "type": kind, "params": [], "errors": []}})

    def refuse(cluster, message):
        raise refusals.InvalidParameterException(clusterName=cluster, message=message)

    def update_cluster_version(self):
        name, wanted = self._get_param("name"), self._get_param("version")
        cluster = self.eks_backend.describe_cluster(name)
        if minor(wanted) != minor(cluster.version) + 1:
            refuse(name, f"Unsupported Kubernetes minor version update from {cluster.version} to {wanted}")
        cluster.version = wanted
        return done("VersionUpdate")

    def update_nodegroup_version(self):
        name, group = self._get_param("name"), self._get_param("nodegroupName")
        nodes = self.eks_backend.describe_nodegroup(cluster_name=name, nodegroup_name=group)
        wanted, cluster = self._get_param("version"), self.eks_backend.describe_cluster(name)
        if minor(wanted) > minor(cluster.version):
            refuse(name, f"Nodegroup Kubernetes version {wanted} is newer than that of the cluster, {cluster.version}")
        nodes.version = wanted
        return done("VersionUpdate")

    configure = eks.EKSResponse.update_nodegroup_config

    def update_nodegroup_config(self):
        name, group = self._get_param("name"), self._get_param("nodegroupName")
        nodes = self.eks_backend.describe_nodegroup(cluster_name=name, nodegroup_name=group)
        sizes = {**nodes.scaling_config, **(self._get_param("scalingConfig") or {})}
        if sizes["minSize"] > sizes["desiredSize"]:
            refuse(name, f"Minimum capacity {sizes['minSize']} can't be greater than desired size {sizes['desiredSize']}")
        return configure(self)

    def describe_update(self):
        return done("ConfigUpdate")

    eks.EKSResponse.update_cluster_version = update_cluster_version
    eks.EKSResponse.update_nodegroup_version = update_nodegroup_version
    eks.EKSResponse.update_nodegroup_config = update_nodegroup_config
    eks.EKSResponse.describe_update = describe_update
    dispatch = eks_urls.response.dispatch
    for path in ("updates$", "updates/(?P<updateId>[^/]+)$", "node-groups/(?P<nodegroupName>[^/]+)/update-version$"):
        eks_urls.url_paths["{0}/clusters/(?P<name>[^/]+)/" + path] = dispatch


def holds_certificates():
    """No certificate is issued as long as the file `hold-certificates` lies beside this one: issuing takes as long as one likes."""
    check = acm.CertBundle.check
    hold = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hold-certificates")

    def held(self):
        if not os.path.exists(hold):
            check(self)

    acm.CertBundle.check = held


def lets_tokens_in():
    """A web identity proves itself by its token alone: nobody signs that call."""
    check = BaseResponse._authenticate_and_authorize_normal_action

    def authenticate(self, *arguments, **named):
        if self._get_action() != "AssumeRoleWithWebIdentity":
            check(self, *arguments, **named)

    BaseResponse._authenticate_and_authorize_normal_action = authenticate


signs_no_body()
lets_tokens_in()
keeps_access_config()
changes_versions()
holds_certificates()
