/** The value of a colour of the page as a canvas takes it: `light-dark()` is only computed where it is used. */
export function colourOf(element: Element, token: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${token})`
  element.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

/** Colour and dash of the n-th curve, from 0: colour is never the only sign. */
export function signOf(slot: number): { token: string; dash: number[] } {
  const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3]]
  return { token: `--series-${(slot % 10) + 1}`, dash: dashes[Math.floor(slot % 4)]! }
}
