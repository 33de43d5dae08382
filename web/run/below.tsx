import { type ReadonlySignal, useComputed } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Bucket } from '../live/buckets.ts'

/** Whoever has no curve by then sees the rest all the same. */
const PATIENCE_MS = 1000

/** What stands below the curve, and asks the server for more, comes after it: the server answers one after the other. */
export function Below({
  losses,
  children,
}: {
  losses: ReadonlySignal<readonly Bucket[] | null>
  children: ComponentChildren
}) {
  const isRead = useComputed(() => losses.value !== null)
  const [isLate, beLate] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => beLate(true), PATIENCE_MS)
    return () => clearTimeout(timer)
  }, [])
  return isRead.value || isLate ? children : null
}
