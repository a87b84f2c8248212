locals {
  user  = "10001"
  files = merge(var.files, var.secret_files)
  # rds-ca.pem => RDS_CA_PEM
  variable = { for file in setunion(keys(var.files), keys(var.secret_files)) : file => upper(replace(file, "/[^A-Za-z0-9]/", "_")) }

  write = [for file in keys(local.files) : "printf %s \"$${${local.variable[file]}}\" > /run/aval/${file}"]

  # Texts of files stand in the environment of the container alone that writes them.
  environment      = [for name, value in var.environment : { name = name, value = value }]
  secrets          = [for name, arn in var.secrets : { name = name, valueFrom = arn }]
  file_environment = [for file, text in var.files : { name = local.variable[file], value = text }]
  file_secrets     = [for file, arn in var.secret_files : { name = local.variable[file], valueFrom = arn }]

  # Nothing but these folders can be written, and all of it ends with the task; but for the state of jobs.
  folders = { tmp = "/tmp", home = "/var/lib/aval", run = "/run/aval" }

  common = {
    image                  = var.image
    user                   = local.user
    readonlyRootFilesystem = true
    environment            = local.environment
    secrets                = local.secrets
    linuxParameters        = { initProcessEnabled = true, capabilities = { add = [], drop = ["ALL"] } }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = var.region
        awslogs-stream-prefix = "task"
        # Where CloudWatch is slow, decisions are not.
        mode            = "non-blocking"
        max-buffer-size = "25m"
      }
    }
  }

  prepare = merge(local.common, {
    name        = "prepare"
    environment = concat(local.environment, local.file_environment)
    secrets     = concat(local.secrets, local.file_secrets)
    essential   = false
    entryPoint  = ["sh", "-euc"]
    command     = [join("\n", concat(["umask 077"], local.write, var.prepare))]
    mountPoints = [{ sourceVolume = "run", containerPath = local.folders.run, readOnly = false }]
    # All that the definition of a container is read back with: a plan compares with it.
    cpu          = 0
    portMappings = []
    volumesFrom  = []
  })

  aval = merge(local.common, {
    name         = "aval"
    essential    = true
    dependsOn    = [{ containerName = "prepare", condition = "SUCCESS" }]
    mountPoints  = [for name, path in local.folders : { sourceVolume = name, containerPath = path, readOnly = name == "run" }]
    stopTimeout  = var.stop_seconds
    cpu          = 0
    portMappings = [for port in var.ports : { containerPort = port, hostPort = port, protocol = "tcp" }]
    volumesFrom  = []
    },
    length(var.arguments) == 0 ? {} : { command = var.arguments },
    length(var.command) == 0 ? {} : { entryPoint = slice(var.command, 0, 1), command = slice(var.command, 1, length(var.command)) },
    length(var.health_command) == 0 ? {} : {
      healthCheck = { command = concat(["CMD"], var.health_command), interval = 10, timeout = 5, retries = 3, startPeriod = 30 }
    },
  )
}

resource "aws_ecs_task_definition" "this" {
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  execution_role_arn       = aws_iam_role.this["execution"].arn
  task_role_arn            = aws_iam_role.this["task"].arn
  container_definitions    = jsonencode([local.prepare, local.aval])

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  dynamic "volume" {
    for_each = var.state == null ? local.folders : { for name, path in local.folders : name => path if name != "home" }

    content {
      name = volume.key
    }
  }

  dynamic "volume" {
    for_each = var.state == null ? [] : [var.state]

    content {
      name = "home"

      efs_volume_configuration {
        file_system_id     = volume.value.file_system_id
        transit_encryption = "ENABLED"

        authorization_config {
          access_point_id = volume.value.access_point_id
          iam             = "ENABLED"
        }
      }
    }
  }

  # The revision that runs stays until the next one does: without it ECS had nothing to go back to.
  lifecycle {
    create_before_destroy = true
  }

  depends_on = [aws_iam_role_policy.execution]
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aval/${var.name}"
  retention_in_days = var.log_days
  kms_key_id        = var.key_arn
}
