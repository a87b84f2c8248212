locals {
  hosts           = setunion([var.domain.name], var.hosts)
  own_certificate = var.domain.certificate_arn == null
  certificate_arn = local.own_certificate ? aws_acm_certificate_validation.this[0].certificate_arn : var.domain.certificate_arn
}

resource "aws_acm_certificate" "this" {
  count = local.own_certificate ? 1 : 0

  domain_name               = var.domain.name
  subject_alternative_names = var.hosts
  validation_method         = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "validation" {
  for_each = local.own_certificate ? local.hosts : []

  zone_id         = var.domain.zone_id
  name            = one([for option in aws_acm_certificate.this[0].domain_validation_options : option.resource_record_name if option.domain_name == each.key])
  type            = one([for option in aws_acm_certificate.this[0].domain_validation_options : option.resource_record_type if option.domain_name == each.key])
  records         = [for option in aws_acm_certificate.this[0].domain_validation_options : option.resource_record_value if option.domain_name == each.key]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  count = local.own_certificate ? 1 : 0

  certificate_arn         = aws_acm_certificate.this[0].arn
  validation_record_fqdns = [for record in aws_route53_record.validation : record.fqdn]
}

resource "aws_route53_record" "this" {
  for_each = var.domain.zone_id == null ? [] : local.hosts

  zone_id = var.domain.zone_id
  name    = each.key
  type    = "A"

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = true
  }
}
