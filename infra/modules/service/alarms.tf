locals {
  balancer = { LoadBalancer = var.load_balancer, TargetGroup = aws_lb_target_group.this.arn_suffix }

  alarms = {
    errors = {
      text       = "answers of ${var.use_case} are server errors"
      namespace  = "AWS/ApplicationELB"
      metric     = "HTTPCode_Target_5XX_Count"
      dimensions = local.balancer
      statistic  = "Sum"
      percentile = null
      compare    = "GreaterThanThreshold"
      threshold  = 5
      period     = 60
      periods    = 3
      of         = 2
      missing    = "notBreaching"
    }
    slow = {
      text       = "one of a hundred answers of ${var.use_case} takes over half a second"
      namespace  = "AWS/ApplicationELB"
      metric     = "TargetResponseTime"
      dimensions = local.balancer
      statistic  = null
      percentile = "p99"
      compare    = "GreaterThanThreshold"
      threshold  = 0.5
      period     = 60
      periods    = 5
      of         = 3
      missing    = "notBreaching"
    }
    few = {
      text       = "fewer tasks of ${var.use_case} answer than there should be"
      namespace  = "AWS/ApplicationELB"
      metric     = "HealthyHostCount"
      dimensions = local.balancer
      statistic  = "Minimum"
      percentile = null
      compare    = "LessThanThreshold"
      threshold  = var.least
      period     = 60
      periods    = 5
      of         = 5
      missing    = "breaching"
    }
    incidents = {
      text       = "a critical incident of ${var.use_case} is open: aval incidents ${var.use_case} --open"
      namespace  = "Aval"
      metric     = "Incidents.Critical"
      dimensions = { UseCase = var.use_case }
      statistic  = "Maximum"
      percentile = null
      compare    = "GreaterThanThreshold"
      threshold  = 0
      period     = 86400
      periods    = 1
      of         = 1
      missing    = "notBreaching"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "${var.name}: ${each.value.text}; see infra/RUNBOOK.md"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  extended_statistic  = each.value.percentile
  comparison_operator = each.value.compare
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.of
  treat_missing_data  = each.value.missing
  alarm_actions       = [var.topic_arn]
  ok_actions          = [var.topic_arn]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = local.name
  dashboard_body = templatefile("${path.module}/../../cloudwatch/dashboard.json.tftpl", {
    region        = var.region
    use_case      = var.use_case
    cluster       = var.cluster.name
    service       = aws_ecs_service.this.name
    load_balancer = var.load_balancer
    target_group  = aws_lb_target_group.this.arn_suffix
  })
}
