const RADIUS = 12
const ROUND = 2 * Math.PI * RADIUS

/** A ring of which a share is drawn, from the top clockwise, as the address of a picture. */
export function pieOf(share: number): string {
  const drawn = ROUND * Math.min(1, Math.max(0, share))
  const circle = (stroke: string, more = '') =>
    `<circle cx="16" cy="16" r="${RADIUS}" fill="none" stroke="${stroke}" stroke-width="7"${more}/>`
  const ring = circle(
    '#0b78e3',
    ` stroke-dasharray="${drawn.toFixed(1)} ${ROUND.toFixed(1)}" transform="rotate(-90 16 16)"`,
  )
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${circle('#8a929e80')}${ring}</svg>`
  return `data:image/svg+xml,${encodeURIComponent(svg)}`
}
