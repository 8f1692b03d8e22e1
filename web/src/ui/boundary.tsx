// SPDX-License-Identifier: Apache-2.0
// A fault in what it holds stays in it, and is said: everything around goes on working. Another place is another try.
import type { ComponentChildren, JSX } from 'preact';
import { useErrorBoundary, useRef } from 'preact/hooks';
import { Head } from './basic';

export function Boundary({ title, at = '', children }: { title: string; at?: string; children: ComponentChildren }): JSX.Element {
  const [fault, forget] = useErrorBoundary((error) => console.error(error));
  const tried = useRef(at);
  if (tried.current !== at) {
    tried.current = at;
    if (fault) forget();
  }
  if (!fault) return <>{children}</>;
  return (
    <div class="page">
      <Head title={title} />
      <div class="failure" role="alert">
        <p>Something went wrong while this was drawn: {String(fault)}</p>
        <button type="button" onClick={() => location.reload()}>
          Reload
        </button>
      </div>
    </div>
  );
}
