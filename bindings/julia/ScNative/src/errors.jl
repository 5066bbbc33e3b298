"""
    ScNativeError(status, name, message)

A call that failed. `status` is the library's number, `name` its name in `scnative.h` (`"SCN_ERR_SHAPE"`), and `message`
says which argument it was, what its value is, and what would be right. Positions in messages of the library count from
0, as memory does.

If the library itself was not found the name is `"SCN_LIBRARY"` and the status -1.

# Examples
```jldoctest
julia> try ScNative.validate([1.0 NaN]); catch error; error.name; end
"SCN_ERR_VALUE"
```
"""
struct ScNativeError <: Exception
    status::Int
    name::String
    message::String
end

Base.showerror(io::IO, error::ScNativeError) = print(io, error.name, ": ", error.message)

"Throws what the library would: `fail(:SCN_ERR_TYPE, message)`."
fail(name::Symbol, message::AbstractString) = throw(ScNativeError(getfield(@__MODULE__, name), String(name), message))

"An argument has a value that the function does not take."
invalid(message) = fail(:SCN_ERR_INVALID_ARGUMENT, message)

const SCN_LIBRARY = -1
