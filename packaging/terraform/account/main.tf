# The role by which trailnoti reads one account: three permissions, none of which changes anything.
#
#   module "trailnoti" {
#     source            = "./packaging/terraform/account"
#     trusted_principal = "arn:aws:iam::111122223333:role/watcher"
#     external_id       = random_id.trailnoti.hex
#   }

terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "trusted_principal" {
  description = "The ARN of the role or user that trailnoti runs as: `aws sts get-caller-identity` on its machine (of a session, the role's ARN). Empty: trailnoti runs on an EC2 instance of this account, by this role."
  type        = string
  default     = ""
}

variable "external_id" {
  description = "The same text as external_id in the configuration. Wanted where trusted_principal is."
  type        = string
  sensitive   = true
  default     = ""

  validation {
    condition     = var.external_id == "" || can(regex("^[A-Za-z0-9+=,.@:/-]{2,1224}$", var.external_id))
    error_message = "AWS takes 2 to 1224 letters, digits and any of + = , . @ : / -"
  }
}

variable "name" {
  description = "What the role, its policy and its instance profile are called."
  type        = string
  default     = "trailnoti"
}

variable "doctor" {
  description = "Whether `trailnoti doctor` may look at trails too."
  type        = bool
  default     = true
}

locals {
  on_an_instance = var.trusted_principal == ""
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = local.on_an_instance ? "Service" : "AWS"
      identifiers = [local.on_an_instance ? "ec2.amazonaws.com" : var.trusted_principal]
    }

    dynamic "condition" {
      for_each = local.on_an_instance ? [] : [var.external_id]
      content {
        test     = "StringEquals"
        variable = "sts:ExternalId"
        values   = [condition.value]
      }
    }
  }
}

data "aws_iam_policy_document" "reads" {
  statement {
    sid       = "TrailnotiReads"
    actions   = ["cloudtrail:LookupEvents", "ec2:DescribeInstances", "ec2:DescribeRegions"]
    resources = ["*"]
  }

  dynamic "statement" {
    for_each = var.doctor ? [1] : []
    content {
      sid       = "TrailnotiDoctor"
      actions   = ["cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors"]
      resources = ["*"]
    }
  }
}

resource "aws_iam_role" "trailnoti" {
  name                 = var.name
  description          = "Read by trailnoti, which says who else is in this account"
  max_session_duration = 3600
  assume_role_policy   = data.aws_iam_policy_document.trust.json

  lifecycle {
    precondition {
      condition     = local.on_an_instance || var.external_id != ""
      error_message = "A role that another account may take on needs an external_id: openssl rand -hex 16 makes one."
    }
  }
}

resource "aws_iam_role_policy" "reads" {
  name   = "trailnoti-reads"
  role   = aws_iam_role.trailnoti.id
  policy = data.aws_iam_policy_document.reads.json
}

resource "aws_iam_instance_profile" "trailnoti" {
  count = local.on_an_instance ? 1 : 0
  name  = var.name
  role  = aws_iam_role.trailnoti.name
}

output "role_arn" {
  description = "role_arn of this account's [[account]] in the configuration"
  value       = aws_iam_role.trailnoti.arn
}

output "instance_profile" {
  description = "The profile to start trailnoti's machine with, where it runs in this account"
  value       = one(aws_iam_instance_profile.trailnoti[*].name)
}
