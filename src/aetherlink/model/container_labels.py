"""Labels of alerts and series that name a container, unless settings say otherwise."""

ID = ("id", "container_id")
NAME = ("name", "container_name", "container")
SERVICE = ("container_label_com_docker_compose_service", "compose_service", "com_docker_compose_service")
PROJECT = ("container_label_com_docker_compose_project", "compose_project", "com_docker_compose_project")
