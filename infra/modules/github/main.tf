locals {
  issuer       = "token.actions.githubusercontent.com"
  provider_arn = var.provider_arn == null ? aws_iam_openid_connect_provider.this[0].arn : var.provider_arn

  # Role => whose token it takes. Environments are GitHub's: who may use them, and after whose approval, is set there.
  subjects = {
    push  = ["environment:images"]
    plan  = ["pull_request", "ref:refs/heads/main", "ref:refs/tags/v*"]
    apply = ["environment:${var.environment}"]
  }
  policies = {
    push  = data.aws_iam_policy_document.push.json
    plan  = data.aws_iam_policy_document.plan.json
    apply = data.aws_iam_policy_document.apply.json
  }
}

# An account has one for all repositories.
resource "aws_iam_openid_connect_provider" "this" {
  count = var.provider_arn == null ? 1 : 0

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "this" {
  for_each = local.subjects

  name               = "${var.name}-github-${each.key}"
  description        = "${each.key} by workflows of ${var.repository}"
  assume_role_policy = data.aws_iam_policy_document.assume[each.key].json
  # An apply with its smoke test, and the way back, take longer than the usual hour.
  max_session_duration = 7200
}

data "aws_iam_policy_document" "assume" {
  for_each = local.subjects

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [local.provider_arn]
    }
    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }
    condition {
      test     = "StringLike"
      variable = "${local.issuer}:sub"
      values   = [for subject in each.value : "repo:${var.repository}:${subject}"]
    }
  }
}

resource "aws_iam_role_policy" "this" {
  for_each = local.policies

  name   = each.key
  role   = aws_iam_role.this[each.key].id
  policy = each.value
}

# Reads how everything is set up, and by the statement "NoData" of its policy nothing that it holds.
resource "aws_iam_role_policy_attachment" "read" {
  for_each = toset(["plan", "apply"])

  role       = aws_iam_role.this[each.key].name
  policy_arn = "arn:${var.partition}:iam::aws:policy/ReadOnlyAccess"
}
