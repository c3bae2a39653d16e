# Roles of workloads, each for one service account of the cluster, by the cluster's own token issuer.
data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  issuer = replace(aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://", "")

  workloads = merge(
    {
      load-balancers = { namespace = "kube-system", name = "aws-load-balancer-controller" }
      volumes        = { namespace = "kube-system", name = "ebs-csi-controller-sa" }
    },
    var.secrets_prefix == "" ? {} : { secrets = var.secrets_service_account },
  )
}

resource "aws_iam_role" "workload" {
  for_each = local.workloads

  name                 = "${var.name}-${each.key}"
  permissions_boundary = local.permissions_boundary
  tags                 = local.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = aws_iam_openid_connect_provider.cluster.arn }
      Condition = {
        StringEquals = {
          "${local.issuer}:aud" = "sts.amazonaws.com"
          "${local.issuer}:sub" = "system:serviceaccount:${each.value.namespace}:${each.value.name}"
        }
      }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "volumes" {
  role       = aws_iam_role.workload["volumes"].name
  policy_arn = "${local.policy_prefix}/service-role/AmazonEBSCSIDriverPolicy"
}

# What the controller may do is what its makers publish for it (docs/install/iam_policy.json, the same from v2.14.0 to v3.5.0),
# less what no Service of ours asks for: firewalls, sign-in of users and address pools. What is bound to a cluster there is bound
# to this one here: the tag must have its name, not just any.
locals {
  load_balancing = "arn:${data.aws_partition.current.partition}:elasticloadbalancing:*:*"
  security_group = "arn:${data.aws_partition.current.partition}:ec2:*:*:security-group/*"
  balancers      = ["${local.load_balancing}:targetgroup/*/*", "${local.load_balancing}:loadbalancer/net/*/*", "${local.load_balancing}:loadbalancer/app/*/*"]
  is_ours        = { "aws:ResourceTag/elbv2.k8s.aws/cluster" = var.name }
  becomes_ours   = { "aws:RequestTag/elbv2.k8s.aws/cluster" = var.name }
}

resource "aws_iam_role_policy" "load_balancers" {
  name = "load-balancers"
  role = aws_iam_role.workload["load-balancers"].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Action = [
          "acm:DescribeCertificate", "acm:ListCertificates", "ec2:Describe*", "ec2:GetSecurityGroupsForVpc",
          "elasticloadbalancing:Describe*",
        ]
        Resource = "*"
      },
      {
        Effect    = "Allow"
        Action    = ["iam:CreateServiceLinkedRole"]
        Resource  = "*"
        Condition = { StringEquals = { "iam:AWSServiceName" = "elasticloadbalancing.amazonaws.com" } }
      },
      {
        # Rules of the nodes' own security group, which is not the controller's.
        Effect   = "Allow"
        Action   = ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress", "ec2:CreateSecurityGroup"]
        Resource = "*"
      },
      {
        Effect    = "Allow"
        Action    = ["ec2:CreateTags"]
        Resource  = local.security_group
        Condition = { StringEquals = merge(local.becomes_ours, { "ec2:CreateAction" = "CreateSecurityGroup" }) }
      },
      {
        # Tags of its own groups, but for the one that makes them its own.
        Effect    = "Allow"
        Action    = ["ec2:CreateTags", "ec2:DeleteTags"]
        Resource  = local.security_group
        Condition = { StringEquals = local.is_ours, Null = { "aws:RequestTag/elbv2.k8s.aws/cluster" = "true" } }
      },
      {
        Effect    = "Allow"
        Action    = ["ec2:DeleteSecurityGroup"]
        Resource  = "*"
        Condition = { StringEquals = local.is_ours }
      },
      {
        Effect    = "Allow"
        Action    = ["elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:CreateTargetGroup"]
        Resource  = "*"
        Condition = { StringEquals = local.becomes_ours }
      },
      {
        Effect   = "Allow"
        Action   = ["elasticloadbalancing:AddTags"]
        Resource = local.balancers
        Condition = {
          StringEquals = merge(local.becomes_ours, { "elasticloadbalancing:CreateAction" = ["CreateTargetGroup", "CreateLoadBalancer"] })
        }
      },
      {
        Effect    = "Allow"
        Action    = ["elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"]
        Resource  = local.balancers
        Condition = { StringEquals = local.is_ours, Null = { "aws:RequestTag/elbv2.k8s.aws/cluster" = "true" } }
      },
      {
        Effect = "Allow"
        Action = [
          "elasticloadbalancing:DeleteLoadBalancer", "elasticloadbalancing:DeleteTargetGroup", "elasticloadbalancing:ModifyListenerAttributes",
          "elasticloadbalancing:ModifyLoadBalancerAttributes", "elasticloadbalancing:ModifyTargetGroup",
          "elasticloadbalancing:ModifyTargetGroupAttributes", "elasticloadbalancing:SetIpAddressType", "elasticloadbalancing:SetSecurityGroups",
          "elasticloadbalancing:SetSubnets",
        ]
        Resource  = "*"
        Condition = { StringEquals = local.is_ours }
      },
      {
        Effect   = "Allow"
        Action   = ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"]
        Resource = "${local.load_balancing}:targetgroup/*/*"
      },
      {
        # Listeners and rules, whose calls AWS does not bind to a tag.
        Effect = "Allow"
        Action = [
          "elasticloadbalancing:CreateListener", "elasticloadbalancing:DeleteListener", "elasticloadbalancing:ModifyListener",
          "elasticloadbalancing:CreateRule", "elasticloadbalancing:DeleteRule", "elasticloadbalancing:ModifyRule",
          "elasticloadbalancing:SetRulePriorities", "elasticloadbalancing:AddListenerCertificates",
          "elasticloadbalancing:RemoveListenerCertificates",
        ]
        Resource = "*"
      },
      {
        Effect = "Allow"
        Action = ["elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"]
        Resource = [
          "${local.load_balancing}:listener/net/*/*/*", "${local.load_balancing}:listener/app/*/*/*",
          "${local.load_balancing}:listener-rule/net/*/*/*", "${local.load_balancing}:listener-rule/app/*/*/*",
        ]
      },
    ]
  })
}

resource "aws_iam_role_policy" "secrets" {
  count = var.secrets_prefix == "" ? 0 : 1

  name = "secrets"
  role = aws_iam_role.workload["secrets"].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Action = [
          "secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:DescribeSecret",
          "secretsmanager:GetSecretValue", "secretsmanager:ListSecretVersionIds", "secretsmanager:PutSecretValue",
          "secretsmanager:TagResource", "secretsmanager:UpdateSecretVersionStage",
        ]
        Resource = "arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:secret:${var.secrets_prefix}/*"
      },
      {
        # Names alone; it knows no bound by name.
        Effect   = "Allow"
        Action   = ["secretsmanager:ListSecrets"]
        Resource = "*"
      },
    ]
  })
}
