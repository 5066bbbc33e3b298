"""
    ScNative.settings

How calls run; one for the process. Set its fields:

- `n_threads`: threads to compute with; 0 (default) is the environment's `SCN_NUM_THREADS` if set, else all cores that
  the process may use. These are the library's own threads, not those of `julia --threads`. Results do not depend on it.
- `seed`: seed of functions that draw random numbers and are given none; default 0.
- `progress`: `:auto` (default) draws a bar on stderr for calls longer than half a second if stderr is a terminal,
  `true` always, `false` never; a function is called with the part done, 0 to 1, about ten times a second, and cancels
  the call by throwing.

[`with_settings`](@ref) sets some of them for a block.

# Examples
```jldoctest
julia> ScNative.settings
ScNative.settings(n_threads = 0, seed = 0, progress = :auto)
```
"""
mutable struct Settings
    n_threads::Int
    seed::UInt64
    progress::Any
end

@doc (@doc Settings) const settings = Settings(0, 0, :auto)

Base.show(io::IO, s::Settings) =
    print(io, "ScNative.settings(n_threads = $(s.n_threads), seed = $(s.seed), progress = $(repr(s.progress)))")

"""
    with_settings(f; n_threads, seed, progress)

Runs `f()` under these settings and puts the others back; for the whole process, not for the task alone.

# Examples
```jldoctest
julia> with_settings(() -> ScNative.settings.n_threads; n_threads = 2)
2
```
"""
function with_settings(f; changes...)
    before = Settings(settings.n_threads, settings.seed, settings.progress)
    try
        for (name, value) in changes
            setproperty!(settings, name, value)
        end
        return f()
    finally
        for name in fieldnames(Settings)
            setproperty!(settings, name, getproperty(before, name))
        end
    end
end
