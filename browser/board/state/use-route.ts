import { useEffect, useState } from 'preact/hooks';
import { type Route, routeOf } from './route.js';

/** The route of the address; the component is drawn again when it changes. */
export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = (): void => setHash(location.hash);
    addEventListener('hashchange', follow);
    // It may have changed between drawing and this effect.
    follow();
    return () => removeEventListener('hashchange', follow);
  }, []);
  return routeOf(hash);
}

/** Goes to a view. The browser's button "back" returns. */
export function goTo(hash: string): void {
  location.hash = hash;
}
