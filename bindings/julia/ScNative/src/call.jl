# Calls: contexts, options with the library's defaults, errors as exceptions, warnings after the call.

"A struct of the header, passed by its address."
abstract type ScnStruct end

Base.cconvert(::Type{Ptr{T}}, struct_::T) where {T<:ScnStruct} = struct_
Base.unsafe_convert(::Type{Ptr{T}}, struct_::T) where {T<:ScnStruct} = Ptr{T}(pointer_from_objref(struct_))

include("abi.jl")

"""
A struct with the library's defaults, then these fields; `nothing` leaves a default. Fields that point to arrays do not
keep them alive: hand the arrays to `invoke` as `keep`.
"""
function defaults(::Type{T}; fields...) where {T<:ScnStruct}
    made = T()
    check(init_function(T)(made, sizeof(T)))
    for (name, value) in fields
        value === nothing || set!(made, name, value)
    end
    return made
end

set!(struct_, name, value) = setfield!(struct_, name, exactly(fieldtype(typeof(struct_), name), value, name))
set!(struct_, name, array::Array) = setfield!(struct_, name, convert(fieldtype(typeof(struct_), name), pointer(array)))

"A number in the type that the library takes, or an error that says why not."
function exactly(::Type{T}, value, name) where {T}
    try
        return convert(T, value)
    catch error
        error isa Union{InexactError,MethodError} || rethrow()
        kind = T <: Integer ? "a whole number from $(typemin(T)) to $(typemax(T))" : "a number"
        invalid("$name: is $(repr(value)), must be $kind")
    end
end

"The address of an array, and its length; null and 0 for none."
address(::Nothing) = C_NULL
address(array::Array) = array
len(::Nothing) = 0
len(array) = length(array)

# ---- warnings

# They wait until the call has ended: a logger may yield or throw, which a callback must not.
pending() = get!(() -> String[], task_local_storage(), :ScNative_warnings)::Vector{String}

function on_log(level::Int32, message::Ptr{UInt8}, ::Ptr{Cvoid})::Cvoid
    try
        level >= SCN_LOG_WARNING && push!(pending(), unsafe_string(message))
    catch # a callback must return; a warning lost is better than a crash
    end
    return nothing
end

listen() = scn_set_log_callback(@cfunction(on_log, Cvoid, (Int32, Ptr{UInt8}, Ptr{Cvoid})), C_NULL)

function flush_warnings()
    messages = pending()
    while !isempty(messages)
        message = popfirst!(messages) # @warn evaluates its argument only where somebody listens
        @warn message
    end
end

# ---- errors

function check(status::Int32)
    status == SCN_OK && return nothing
    needed = Ref{Csize_t}(0)
    scn_last_error_message(C_NULL, 0, needed)
    buffer = zeros(UInt8, max(needed[], 1))
    scn_last_error_message(buffer, length(buffer), C_NULL)
    throw(ScNativeError(status, unsafe_string(scn_status_name(status)), String(buffer[1:end-1])))
end

# ---- calls

"""
Runs `f` where a Julia exception cannot cross the library's frames (Ctrl-C waits) and where the task stays on its
thread, which the library's messages belong to.
"""
function on_one_thread(f)
    task = current_task()
    sticky = task.sticky
    task.sticky = true
    try
        return disable_sigint(f)
    finally
        task.sticky = sticky
    end
end

"Calls a function that takes no context."
function plain(f, args...)
    on_one_thread() do
        check(f(args...))
    end
    flush_warnings()
    return nothing
end

"""
Calls a function whose first parameter is a context: threads, seed, progress and Ctrl-C are seen to. `keep` is kept
alive until it returns.
"""
function invoke(f, title::AbstractString, args...; seed = nothing, keep = nothing)
    watch = Watch(title)
    context = defaults(ScnContext; n_threads = settings.n_threads)
    context.seed = seed === nothing ? settings.seed : seed_of(seed)
    context.progress = @cfunction(on_progress, Int32, (Float64, Ptr{Cvoid}))
    try
        GC.@preserve watch keep begin
            context.progress_user = pointer_from_objref(watch)
            on_one_thread() do
                status = f(context, args...)
                # What stopped a cancelled call is thrown in place of the cancellation.
                status == SCN_ERR_CANCELLED && (watch.interrupted || watch.raised !== nothing) || check(status)
            end
        end
    finally
        close_bar(watch.report)
        flush_warnings()
    end
    watch.raised === nothing || throw(watch.raised.ex)
    watch.interrupted && throw(InterruptException())
    return nothing
end

seed_of(seed::Integer) = seed % UInt64
seed_of(seed) = invalid("seed: is $(repr(seed)), must be a whole number or nothing")

"A result that the library owns, freed by `release!` or with this object."
mutable struct Handle{T}
    pointer::Ptr{T}
    Handle{T}() where {T} = finalizer(release!, new{T}(C_NULL))
end

Base.cconvert(::Type{Ptr{Ptr{T}}}, handle::Handle{T}) where {T} = handle
Base.unsafe_convert(::Type{Ptr{Ptr{T}}}, handle::Handle{T}) where {T} = Ptr{Ptr{T}}(pointer_from_objref(handle))

function release!(handle::Handle)
    free(handle.pointer)
    handle.pointer = C_NULL
    return nothing
end

free(sparse::Ptr{ScnSparse}) = sparse == C_NULL ? nothing : scn_sparse_free(sparse)
free(folder::Ptr{Scn10x}) = folder == C_NULL ? nothing : scn_10x_free(folder)
