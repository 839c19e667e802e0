"""Examples for every answer that the description promises, put together from the examples of its fields."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Node = Mapping[str, Any]
_PLAIN: Mapping[str, object] = {"string": "", "integer": 0, "number": 0.0, "boolean": False, "null": None}


def add_to(description: dict[str, Any]) -> None:
    """Give each content of each answer an example, where it has a schema and none of its own."""
    schemas = description["components"]["schemas"]
    for content in _contents(description):
        if content.get("schema") and not {"example", "examples"} & content.keys():
            content["example"] = example_of(content["schema"], schemas)


def example_of(node: Node, schemas: Node) -> Any:
    """A value that fits the schema: the example that it names, else one made of its parts."""
    value: Any = _PLAIN.get(node.get("type", "null"))
    match node:
        case {"examples": [first, *_]} | {"const": first} | {"enum": [first, *_]}:
            value = first
        case {"default": given} if given is not None:
            value = given
        case {"$ref": str(reference)}:
            value = example_of(schemas[reference.rpartition("/")[2]], schemas)
        case {"anyOf": [*choices]}:
            value = None if _is_optional(choices) else example_of(choices[0], schemas)
        case {"properties": parts}:
            value = {name: example_of(part, schemas) for name, part in parts.items()}
        case {"type": "array", "items": item}:
            value = [example_of(item, schemas)]
        case {"type": "object"}:
            value = {}
    return value


def _is_optional(choices: Sequence[Node]) -> bool:
    """Whether it may be null, and is no part of its own that is worth showing."""
    return {"type": "null"} in choices and all("$ref" not in choice for choice in choices)


def _contents(description: Node) -> Iterator[dict[str, Any]]:
    for item in description["paths"].values():
        for operation in item.values():
            for answer in operation["responses"].values():
                yield from answer.get("content", {}).values()
