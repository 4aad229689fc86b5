# The same role in every account of an organisation, also in those that join later. Apply it in the management account, or in
# one that may manage stack sets for the organisation; the management account itself gets no instance of a stack set: use the
# module `account` there.

terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "organizational_units" {
  description = "The root (r-…) or the units (ou-…) whose accounts are watched."
  type        = list(string)
}

variable "trusted_principal" {
  description = "The ARN of the role or user that trailnoti runs as."
  type        = string
}

variable "external_id" {
  description = "The same text as external_id in the configuration."
  type        = string
  sensitive   = true
}

resource "aws_cloudformation_stack_set" "roles" {
  name             = "trailnoti"
  description      = "The role by which trailnoti reads each account"
  permission_model = "SERVICE_MANAGED"
  capabilities     = ["CAPABILITY_NAMED_IAM"]
  template_body    = file("${path.module}/../../cloudformation/account.yaml")

  parameters = {
    TrustedPrincipal = var.trusted_principal
    ExternalId       = var.external_id
  }

  auto_deployment {
    enabled                          = true
    retain_stacks_on_account_removal = false
  }

  operation_preferences {
    failure_tolerance_percentage = 10
    max_concurrent_percentage    = 25
  }

  lifecycle {
    ignore_changes = [administration_role_arn]
  }
}

# IAM is the same in every region: one instance of the stack in each account is enough.
resource "aws_cloudformation_stack_set_instance" "accounts" {
  stack_set_name            = aws_cloudformation_stack_set.roles.name
  stack_set_instance_region = "us-east-1"

  deployment_targets {
    organizational_unit_ids = var.organizational_units
  }
}
