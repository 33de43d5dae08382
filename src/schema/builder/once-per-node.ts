import type { ASTNode } from 'graphql'

/**
 * What is worked out of a document, or of a part of one: clients send the same ones again and again, and the server keeps
 * those that it parsed. What else the work is given has to be the same each time for a node.
 */
export function oncePerNode<Node extends ASTNode, Rest extends unknown[], Value>(
  work: (node: Node, ...rest: Rest) => Value,
): (node: Node, ...rest: Rest) => Value {
  const known = new WeakMap<Node, { value: Value }>()
  return (node, ...rest) => {
    let found = known.get(node)
    if (found === undefined) {
      found = { value: work(node, ...rest) }
      known.set(node, found)
    }
    return found.value
  }
}
