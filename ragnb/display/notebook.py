def show(a): a.wait()
