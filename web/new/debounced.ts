import { useEffect, useState } from 'preact/hooks'

/** A value as it was when it had stayed the same for so long. */
export function useDebounced<Value>(value: Value, ms: number): Value {
  const [settled, settle] = useState(value)
  const key = JSON.stringify(value)
  useEffect(() => {
    const timer = setTimeout(() => settle(value), ms)
    return () => clearTimeout(timer)
  }, [key])
  return settled
}
