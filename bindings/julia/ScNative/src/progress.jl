# What happens while a call runs: the progress bar, and Ctrl-C.

"Calls shorter than this, in seconds, draw no bar."
const PATIENCE = 0.5

"A text bar on stderr, drawn over itself and removed at the end."
mutable struct Bar
    title::String
    begun::Float64
    drawn::Int
end
Bar(title) = Bar(title, time(), 0)

# Core.stderr does not wait for the event loop: other tasks must not run while the library is on the stack.
draw(text) = print(Core.stderr, text)

function (bar::Bar)(done)
    elapsed = time() - bar.begun
    elapsed < PATIENCE && return nothing
    width = 30
    full = clamp(floor(Int, done * width), 0, width)
    left = done > 0.02 ? " $(lpad(round(Int, elapsed / done - elapsed), 4)) s left" : ""
    line = "$(bar.title) |$("█"^full)$("·"^(width - full))| $(lpad(round(Int, 100 * done), 3))%$left"
    draw("\r" * rpad(line, bar.drawn))
    bar.drawn = length(line)
    return nothing
end

close_bar(report) = nothing
close_bar(bar::Bar) = bar.drawn > 0 ? draw("\r" * " "^bar.drawn * "\r") : nothing

"What `settings.progress` wants told of the part done: a bar, a function, or nothing."
function reporter(title)
    choice = settings.progress
    choice === false && return nothing
    choice === :auto && return stderr isa Base.TTY ? Bar(title) : nothing
    choice === true && return Bar(title)
    applicable(choice, 0.0) && return choice
    invalid("settings.progress: is $(repr(choice)), must be :auto, true, false or a function of one number")
end

"""
Watches over one call: reports progress, and turns Ctrl-C into its cancellation.

Julia hands SIGINT to its first thread as an exception at the next safepoint, and an exception must not cross the
library's frames. So it is held back during the call, and asked for in the callback, where it can be caught.
"""
mutable struct Watch
    report::Any
    interrupted::Bool
    raised::Any
end
Watch(title) = Watch(reporter(title), false, nothing)

Base.cconvert(::Type{Ptr{Cvoid}}, watch::Watch) = watch
Base.unsafe_convert(::Type{Ptr{Cvoid}}, watch::Watch) = pointer_from_objref(watch)

function on_progress(done::Float64, user::Ptr{Cvoid})::Int32
    watch = unsafe_pointer_to_objref(user)::Watch
    try
        reenable_sigint(GC.safepoint)
        watch.report === nothing || watch.report(done)
    catch error
        if error isa InterruptException
            watch.interrupted = true
        else
            watch.raised = CapturedException(error, catch_backtrace())
        end
    end
    return Int32(watch.interrupted || watch.raised !== nothing)
end
