/** A cell of a confusion matrix where a class was taken for another: their places among the classes. */
export interface Cell {
  truth: number
  predicted: number
}

/** The cell that an address names by both classes; null for none, for what are no classes, and for what was right. */
export function cellOf(query: URLSearchParams, classes: readonly string[]): Cell | null {
  const [truth, predicted] = ['label', 'predicted'].map((name) => classes.indexOf(query.get(name) ?? ''))
  return truth! < 0 || predicted! < 0 || truth === predicted ? null : { truth: truth!, predicted: predicted! }
}

const WAYS: Record<string, readonly [down: number, right: number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
}

/** The cell that a key leads to, over the diagonal, where nothing was mistaken; null when it leads nowhere. */
export function nextCell(key: string, from: Cell, classes: number): Cell | null {
  const way = WAYS[key]
  if (way === undefined) return null
  let { truth, predicted } = from
  do {
    truth += way[0]
    predicted += way[1]
  } while (truth === predicted)
  const isWithin = [truth, predicted].every((place) => place >= 0 && place < classes)
  return isWithin ? { truth, predicted } : null
}

/** [true class][predicted class], counts of images. */
export function matrixOf(
  confusions: readonly { label: string; predicted: string; count: number }[],
  perClass: readonly { recall: number | null; count: number }[],
  classes: readonly string[],
): number[][] {
  const matrix = perClass.map(({ recall, count }, truth) =>
    classes.map((_, predicted) => (truth === predicted ? Math.round((recall ?? 0) * count) : 0)),
  )
  for (const { label, predicted, count } of confusions)
    matrix[classes.indexOf(label)]![classes.indexOf(predicted)] = count
  return matrix
}
