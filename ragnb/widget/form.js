// The question box of rag.ui(). Plain JavaScript, used as it is.

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function render({ model, el }) {
  const form = element("form", "ragnb-form");
  form.noValidate = true; // Python says what is wrong, and not only in the browser's language

  const label = element("label", "ragnb-form-label");
  const words = element("span", "ragnb-form-words");
  const question = element("textarea", "ragnb-form-question");
  question.rows = 1;
  question.dir = "auto";
  label.append(words, question);
  const button = element("button", "ragnb-form-ask", "Ask");
  button.type = "submit";
  const row = element("div", "ragnb-form-row");
  row.append(label, button);

  const examples = element("div", "ragnb-form-examples");

  const options = element("details", "ragnb-form-options");
  const number = element("label", "", "Passages given to the model ");
  const k = element("input", "");
  k.type = "number";
  k.min = "1";
  k.max = "50";
  number.append(k);
  options.append(element("summary", "", "Options"), number);

  const note = element("p", "ragnb-form-note");
  note.setAttribute("role", "status");

  // What a saved notebook shows in this form's place is not shown beside it.
  const style = element("style", "", `.${CSS.escape(model.get("hides"))} { display: none }`);

  form.append(row, examples, options, note);
  el.append(style, form);

  function fit() {
    question.style.height = "auto";
    question.style.height = `${question.scrollHeight + 2}px`;
  }

  function update() {
    words.textContent = model.get("label");
    note.textContent = model.get("note");
    note.hidden = !model.get("note");
    button.disabled = model.get("busy") || !question.value.trim();
    button.textContent = model.get("busy") ? "Answering …" : "Ask";
  }

  function write(text) {
    question.value = text;
    fit();
    update();
  }

  function giveBack(message) {
    if (message.v === 1 && message.type === "refused" && !question.value) write(message.question);
  }

  function offer(text) {
    const example = element("button", "ragnb-form-example", text);
    example.type = "button";
    example.dir = "auto";
    example.addEventListener("click", () => {
      write(text);
      question.focus();
    });
    return example;
  }

  question.addEventListener("input", () => {
    fit();
    update();
  });
  form.addEventListener("keydown", (event) => {
    event.stopPropagation(); // keys are the notebook's shortcuts otherwise
    const isEnter = event.key === "Enter" && !event.shiftKey && !event.isComposing;
    if (event.target === question && isEnter) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.disabled) return;
    const passages = Math.trunc(k.valueAsNumber) || model.get("k");
    model.send({ v: 1, type: "ask", question: question.value, k: passages });
    write("");
  });

  k.value = String(model.get("k"));
  examples.append(...model.get("examples").map(offer));
  update();
  const names = ["label", "note", "busy"];
  for (const name of names) model.on(`change:${name}`, update);
  model.on("msg:custom", giveBack);
  return () => {
    model.off("msg:custom", giveBack);
    for (const name of names) model.off(`change:${name}`, update);
  };
}

export default { render };
