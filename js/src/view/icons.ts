/** The few icons in use, as constant markup. Shapes by Lucide (ISC licence, lucide.dev). */

const draw = (shapes: string) =>
  `<svg class="dnb-icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" ` +
  `stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">${shapes}</svg>`;

export const icons = {
  alert: draw(
    '<circle cx="12" cy="12" r="10"/><line x1="12" x2="12" y1="8" y2="12"/><line x1="12" x2="12.01" y1="16" y2="16"/>',
  ),
  check: draw('<path d="M20 6 9 17l-5-5"/>'),
  chevron: draw('<path d="m9 18 6-6-6-6"/>'),
  copy: draw(
    '<rect width="14" height="14" x="8" y="8" rx="2" ry="2"/><path d="M4 16c-1.1 0-2-.9-2-2V4c0-1.1.9-2 2-2h10c1.1 0 2 .9 2 2"/>',
  ),
  cross: draw('<path d="M18 6 6 18"/><path d="m6 6 12 12"/>'),
  down: draw('<path d="M12 5v14"/><path d="m19 12-7 7-7-7"/>'),
  image: draw(
    '<rect width="18" height="18" x="3" y="3" rx="2" ry="2"/><circle cx="9" cy="9" r="2"/><path d="m21 15-3.086-3.086a2 2 0 0 0-2.828 0L6 21"/>',
  ),
  info: draw('<circle cx="12" cy="12" r="10"/><path d="M12 16v-4"/><path d="M12 8h.01"/>'),
  pencil: draw(
    '<path d="M21.174 6.812a1 1 0 0 0-3.986-3.987L3.842 16.174a2 2 0 0 0-.5.83l-1.321 4.352a.5.5 0 0 0 .623.622l4.353-1.32a2 2 0 0 0 .83-.497z"/><path d="m15 5 4 4"/>',
  ),
  send: draw('<path d="m5 12 7-7 7 7"/><path d="M12 19V5"/>'),
  sliders: draw(
    '<path d="M14 17H5"/><path d="M19 7h-9"/><circle cx="17" cy="17" r="3"/><circle cx="7" cy="7" r="3"/>',
  ),
  slash: draw('<circle cx="12" cy="12" r="10"/><path d="m4.9 4.9 14.2 14.2"/>'),
  stop: draw('<rect width="12" height="12" x="6" y="6" rx="1.5" fill="currentColor"/>'),
} as const;
