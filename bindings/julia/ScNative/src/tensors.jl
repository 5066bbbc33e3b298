# Texts and named arrays of the library. Its arrays have their last axis fastest, Julia's their first: elements are
# turned, so that sizes read as shapes are documented.

free(text::Ptr{ScnText}) = text == C_NULL ? nothing : scn_text_free(text)
free(tensors::Ptr{ScnTensors}) = tensors == C_NULL ? nothing : scn_tensors_free(tensors)

# A handle where a function wants the pointer that it holds.
Base.cconvert(::Type{Ptr{T}}, handle::Handle{T}) where {T} = handle
Base.unsafe_convert(::Type{Ptr{T}}, handle::Handle{T}) where {T} = handle.pointer

"A text of the library, copied out and freed."
function taken!(handle::Handle{ScnText})
    needed = Ref{Csize_t}(0)
    check(scn_text_copy(handle, C_NULL, 0, needed))
    buffer = zeros(UInt8, needed[])
    check(scn_text_copy(handle, buffer, length(buffer), C_NULL))
    release!(handle)
    return String(buffer[1:end-1])
end

turned(array::AbstractArray) = ndims(array) < 2 ? Array(array) : permutedims(array, ndims(array):-1:1)

"A set of the library's with copies of these arrays; `name` is the argument's name, for messages."
function tensors(arrays, name)
    set = Handle{ScnTensors}()
    plain(scn_tensors_new, set)
    for (key, array) in pairs(arrays)
        add!(set, string(key), array, "$name[$(repr(string(key)))]")
    end
    return set
end

tensors(::Nothing, name) = C_NULL

add!(set, key, number::Number, name) = add!(set, key, fill(number), name)
add!(set, key, flags::AbstractArray{Bool}, name) = add!(set, key, UInt8.(flags), name)

function add!(set, key, array::AbstractArray, name)
    elements, shape = turned(array), collect(Int64, size(array))
    tensor = defaults(ScnTensor; value_type = value_tag(eltype(elements), name), n_dims = ndims(array))
    tensor.shape, tensor.values = pointer(shape), pointer(elements)
    GC.@preserve shape elements plain(scn_tensors_add, set, key, tensor)
end

add!(set, key, other, name) = fail(:SCN_ERR_TYPE, "$name: is a $(typeof(other)), must be an array of numbers")

"The arrays of a set, copied out and freed there."
function taken!(set::Handle{ScnTensors})
    n = Ref{Int64}(0)
    check(scn_tensors_len(set, n))
    arrays = Dict{String,Array}()
    for i in 0:n[]-1
        arrays[name_of(set, i)] = array_of(set, i)
    end
    release!(set)
    return arrays
end

function name_of(set, i)
    needed = Ref{Csize_t}(0)
    check(scn_tensors_name(set, i, C_NULL, 0, needed))
    buffer = zeros(UInt8, needed[])
    check(scn_tensors_name(set, i, buffer, length(buffer), C_NULL))
    return String(buffer[1:end-1])
end

function array_of(set, i)
    tensor = defaults(ScnTensor)
    check(scn_tensors_get(set, i, tensor))
    shape = Tuple(Int.(copied(tensor.shape, tensor.n_dims)))
    elements = copied(Ptr{value_type(tensor.value_type)}(tensor.values), prod(shape))
    return turned(reshape(elements, reverse(shape)))
end
