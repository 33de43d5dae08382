/** What one operation may cost; a list multiplies what is selected under it. */
export const LIMITS = { complexity: 5000, depth: 14, breadth: 200 }
