import { PickledTensor } from "../tensors/pickled-tensor.ts";
import { PickledObject, PickledTuple, type PickleValue } from "./pickle-values.ts";

/**
 * Returns all tensors in a value, each once, however often and deep they are in it; the value may
 * contain itself. The arguments of calls are left out: nobody reads tensors out of them.
 */
export function reachableTensors(root: PickleValue): Set<PickledTensor> {
  const seen = new Set<object>();
  const waiting: object[] = [];
  const visit = (value: PickleValue) => {
    if (typeof value !== "object" || value === null || seen.has(value)) return;
    seen.add(value);
    waiting.push(value);
  };
  const tensors = new Set<PickledTensor>();
  visit(root);
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (value instanceof PickledTensor) tensors.add(value);
    else visitParts(value, visit);
  }
  return tensors;
}

function visitParts(value: object, visit: (part: PickleValue) => void): void {
  if (value instanceof PickledObject) {
    value.state.forEach(visit);
  } else if (value instanceof PickledTuple) {
    value.items.forEach(visit);
  } else if (value instanceof Map) {
    // A key may be a tuple, or an object of a class.
    value.forEach((entry, key) => {
      visit(key);
      visit(entry);
    });
  } else if (Array.isArray(value)) {
    value.forEach(visit);
  }
}
