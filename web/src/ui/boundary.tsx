// SPDX-License-Identifier: Apache-2.0
// A fault in what it holds stays in it, and is said: everything around goes on working.
import type { ComponentChildren, JSX } from 'preact';
import { useErrorBoundary } from 'preact/hooks';
import { Head } from './basic';

export function Boundary({ title, children }: { title: string; children: ComponentChildren }): JSX.Element {
  const [fault] = useErrorBoundary((error) => console.error(error));
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
