# Run with `terraform test`. No cloud is asked: the provider is mocked, its schema is the real one.
mock_provider "aws" {
  mock_resource "aws_acm_certificate" {
    defaults = { arn = "arn:aws:acm:us-east-1:123456789012:certificate/1" }
  }
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/oidc.example.com/id/1" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/1" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:us-east-1:123456789012:key/1" }
  }
  override_data {
    target = data.aws_partition.current
    values = { partition = "aws" }
  }
  override_data {
    target = data.aws_region.current
    values = { name = "us-east-1" }
  }
  override_data {
    target = data.aws_caller_identity.current
    values = { account_id = "123456789012" }
  }
}

variables {
  name               = "uss1"
  availability_zones = ["us-east-1a", "us-east-1b", "us-east-1c"]
  db_suffix          = "db.dss.uss1.example.com"
  hostname           = "dss.uss1.example.com"
}

run "one_node_group_and_two_subnets_a_zone" {
  command = plan

  assert {
    condition     = length(aws_eks_node_group.this) == 3 && length(aws_subnet.public) == 3 && length(aws_subnet.private) == 3
    error_message = "Nodes are not spread over three zones."
  }
  assert {
    condition     = alltrue([for group in aws_eks_node_group.this : group.scaling_config[0].min_size == 1 && group.scaling_config[0].max_size == 2])
    error_message = "Bounds of the cluster are not shared out among the zones."
  }
}

run "an_api_is_private_until_somebody_is_let_in" {
  command = plan

  assert {
    condition     = !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "The API is open though nobody was named."
  }
}

run "an_api_is_open_to_whom_was_named_alone" {
  command = plan

  variables {
    api_allowed_cidrs = ["203.0.113.0/24"]
  }
  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].public_access_cidrs == toset(["203.0.113.0/24"])
    error_message = "The API is open to others."
  }
}

run "what_stands_is_guarded_unless_that_is_switched_off" {
  command = plan

  assert {
    condition     = terraform_data.guard.input == true
    error_message = "Terraform would destroy what stands."
  }
}

run "the_guard_can_be_lifted" {
  command = plan

  variables {
    deletion_protection = false
  }
  assert {
    condition     = terraform_data.guard.input == false
    error_message = "Terraform could not destroy what stands."
  }
}

run "secrets_of_kubernetes_are_encrypted_with_a_key_of_our_own" {
  command = plan

  assert {
    condition     = aws_eks_cluster.this.encryption_config[0].resources == toset(["secrets"]) && aws_kms_key.secrets.enable_key_rotation
    error_message = "Secrets are not encrypted, or their key never changes."
  }
}

run "without_a_zone_records_are_only_told" {
  command = plan

  assert {
    condition     = length(aws_route53_record.this) == 0 && length(aws_route53_record.certificate) == 0
    error_message = "Records are made though no zone was given."
  }
}

run "with_a_zone_every_name_has_its_record" {
  command = plan

  variables {
    route53_zone_id     = "Z0123456789"
    prometheus_hostname = "prometheus.uss1.example.com"
  }
  assert {
    condition = toset(keys(aws_route53_record.this)) == toset([
      "0.db.dss.uss1.example.com", "1.db.dss.uss1.example.com", "2.db.dss.uss1.example.com", "dss.uss1.example.com",
      "prometheus.uss1.example.com",
    ])
    error_message = "A name has no record."
  }
}

run "a_network_that_is_there_is_used" {
  command = plan

  variables {
    availability_zones = []
    existing_network = {
      vpc_id          = "vpc-1"
      public_subnets  = { us-east-1a = "subnet-1", us-east-1b = "subnet-2", us-east-1c = "subnet-3" }
      private_subnets = { us-east-1a = "subnet-4", us-east-1b = "subnet-5", us-east-1c = "subnet-6" }
      egress_cidrs    = ["203.0.113.7/32"]
    }
  }
  assert {
    condition     = length(aws_vpc.this) == 0 && length(aws_nat_gateway.this) == 0 && length(aws_subnet.public) == 0
    error_message = "A network is made beside the one that is there."
  }
  assert {
    condition     = aws_eks_node_group.this["us-east-1b"].subnet_ids == toset(["subnet-5"]) && output.egress_cidrs == tolist(["203.0.113.7/32"])
    error_message = "The network that is there is not used."
  }
}

run "every_role_is_bounded" {
  command = plan

  variables {
    iam_permissions_boundary = "arn:aws:iam::123456789012:policy/bounds"
    secrets_prefix           = "dss/uss1"
  }
  assert {
    condition = alltrue([
      for role in concat([aws_iam_role.cluster, aws_iam_role.node], values(aws_iam_role.workload)) :
      role.permissions_boundary == "arn:aws:iam::123456789012:policy/bounds"
    ])
    error_message = "A role has no bounds."
  }
  assert {
    condition     = length(aws_iam_role.workload) == 3 && strcontains(aws_iam_role_policy.secrets[0].policy, ":secret:dss/uss1/*")
    error_message = "The secret store may use other secrets than its own, or none."
  }
}

run "the_named_service_account_and_no_other_may_use_the_secrets" {
  # The issuer of the cluster's tokens is not known before.
  command = apply

  override_resource {
    target = aws_eks_cluster.this
    values = {
      arn                   = "arn:aws:eks:us-east-1:123456789012:cluster/uss1"
      certificate_authority = [{ data = "" }]
      identity              = [{ oidc = [{ issuer = "https://oidc.example.com/id/1" }] }]
    }
  }
  variables {
    secrets_prefix          = "dss/uss1"
    secrets_service_account = { namespace = "store", name = "vault" }
    # What a test has made it removes.
    deletion_protection = false
  }
  assert {
    condition     = jsondecode(aws_iam_role.workload["secrets"].assume_role_policy).Statement[0].Condition.StringEquals["oidc.example.com/id/1:sub"] == "system:serviceaccount:store:vault"
    error_message = "Another service account may use the secrets."
  }
}

run "the_load_balancer_controller_may_change_what_is_of_this_cluster_alone" {
  command = plan

  # What makes, changes or removes a load balancer, a target group or a security group names the cluster it must be of.
  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.load_balancers.policy).Statement :
      contains(values(statement.Condition.StringEquals), "uss1")
      if anytrue([
        for action in statement.Action :
        can(regex(":(Create|Delete|Modify|Set)(LoadBalancer|TargetGroup|SecurityGroups?|Subnets|IpAddressType)$", action)) && action != "ec2:CreateSecurityGroup"
      ])
    ])
    error_message = "The controller may change load balancers of others."
  }
  assert {
    condition = !anytrue([
      for action in flatten(jsondecode(aws_iam_role_policy.load_balancers.policy).Statement[*].Action) :
      endswith(action, ":*") || startswith(action, "waf") || startswith(action, "shield:")
    ])
    error_message = "The controller may do more than it is needed for."
  }
}

run "whom_it_is_protected_from_cannot_delete_it" {
  # The cluster's ARN is not known before.
  command = apply

  override_resource {
    target = aws_eks_cluster.this
    values = {
      arn                   = "arn:aws:eks:us-east-1:123456789012:cluster/uss1"
      certificate_authority = [{ data = "" }]
      identity              = [{ oidc = [{ issuer = "https://oidc.example.com/id/1" }] }]
    }
  }
  variables {
    deletion_protection = false
    protected_from      = ["operators", "pipeline"]
  }
  assert {
    condition     = toset(keys(aws_iam_role_policy.protection)) == toset(["operators", "pipeline"])
    error_message = "Somebody is not denied, or somebody else is."
  }
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.protection["operators"].policy).Statement : statement.Effect == "Deny"])
    error_message = "A protection allows something."
  }
  assert {
    condition     = contains(jsondecode(aws_iam_role_policy.protection["pipeline"].policy).Statement[0].Resource, "arn:aws:eks:us-east-1:123456789012:cluster/uss1")
    error_message = "The cluster is not protected."
  }
}

run "bad_input_is_refused" {
  command = plan

  variables {
    name               = "Uss_1"
    availability_zones = ["us-east-1a", "us-east-1a", "us-east-1b"]
    vpc_cidr           = "10.0.0.0"
    node_count         = { min = 4, desired = 3, max = 6 }
    secrets_prefix     = "/dss/"
    key_deletion_days  = 3
    protected_from     = ["arn:aws:iam::123456789012:role/operators"]
  }
  expect_failures = [
    var.protected_from, var.name, var.availability_zones, var.vpc_cidr, var.node_count, var.secrets_prefix, var.key_deletion_days,
  ]
}
