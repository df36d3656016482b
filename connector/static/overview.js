// The overview: filters show at once what they choose, arrow keys move between key results once one has the focus.

const filters = document.getElementById("filters");
filters?.addEventListener("change", (event) => {
  if (event.target.matches("select")) filters.requestSubmit();
});

addEventListener("keydown", (event) => {
  const here = document.activeElement;
  if (event.altKey || event.ctrlKey || event.metaKey || !here?.matches("#results th.k a")) return;
  const links = [...document.querySelectorAll("#results th.k a")];
  const place = links.indexOf(here);
  const target = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: links.length - 1 }[event.key];
  if (target === undefined || !links[target]) return;
  event.preventDefault();
  links[target].focus();
});
