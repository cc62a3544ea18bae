// Mapping by drag: one of the user's fields is dropped onto the row of a column of ours. The lists in the rows do the
// same without a mouse, and are what is sent.
"use strict";

const palette = document.querySelector("[data-palette]");
const fields = [...palette.querySelectorAll("[data-field]")];
const goals = [...document.querySelectorAll("select[data-goal]")];
const rows = new Map(goals.map((goal) => [goal.closest("tr"), goal]));
let held = null; // the id of the field on its way

const takes = (goal, id) => [...goal.options].some((option) => option.value === id);

const show = () => {
  for (const field of fields) {
    field.classList.toggle("taken", goals.some((goal) => goal.value === field.dataset.field));
  }
  for (const [row, goal] of rows) {
    row.classList.toggle("fits", held !== null && takes(goal, held));
    row.classList.remove("over");
  }
};

// A field takes one column: the column that had it gets what this one had, or is left out.
const drop = (goal, id) => {
  const before = goals.find((other) => other !== goal && other.value === id);
  if (before) before.value = takes(before, goal.value) ? goal.value : "off";
  goal.value = id;
};

const under = (event) => {
  const row = event.target.closest("tr");
  const goal = rows.get(row);
  return held !== null && goal && takes(goal, held) ? row : null;
};

for (const field of fields) {
  field.draggable = true;
  field.addEventListener("dragstart", (event) => {
    held = field.dataset.field;
    event.dataTransfer.setData("text/plain", field.textContent);
    event.dataTransfer.effectAllowed = "link";
    show();
  });
  field.addEventListener("dragend", () => {
    held = null;
    show();
  });
}

for (const [row, goal] of rows) {
  row.addEventListener("dragover", (event) => {
    if (!under(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "link";
    row.classList.add("over");
  });
  row.addEventListener("dragleave", () => row.classList.remove("over"));
  row.addEventListener("drop", (event) => {
    if (!under(event)) return;
    event.preventDefault();
    drop(goal, held);
    held = null;
    show();
  });
  goal.addEventListener("change", show);
}

palette.hidden = false;
show();
