# Labels of cells, as the library's codes from 0.

"Codes from 0, -1 for none, and the label of each."
struct Groups
    codes::Vector{Int32}
    labels::AbstractVector
end

Base.length(groups::Groups) = length(groups.labels)

"""
Labels as groups. Without `n_groups` any labels that can be sorted, `missing` and `nothing` being none; with `n_groups`
numbers from 1 to it, 0 being none as well.
"""
function grouped(labels, n_groups, name = "groups")
    labels isa AbstractVector ||
        fail(:SCN_ERR_TYPE, "$name: is a $(typeof(labels)), must be a vector with a label for each cell")
    n_groups === nothing || return numbered(labels, n_groups, name)
    kinds = sorted(unique(Iterators.filter(!is_none, labels)), name)
    place = Dict(label => Int32(i - 1) for (i, label) in enumerate(kinds))
    return Groups([is_none(label) ? Int32(-1) : place[label] for label in labels], kinds)
end

is_none(label) = label === missing || label === nothing

function sorted(labels, name)
    try
        return sort!(identity.(labels))
    catch error
        error isa Union{MethodError,TypeError} || rethrow()
        kinds = join(unique(typeof.(labels)), ", ")
        fail(:SCN_ERR_TYPE, "$name: has labels that cannot be sorted ($kinds); use string.($name)")
    end
end

function numbered(labels, n_groups, name)
    n_groups = exactly(Int, n_groups, "n_groups")
    0 <= n_groups <= typemax(Int32) || invalid("n_groups: is $n_groups, must be from 0 to $(typemax(Int32))")
    codes = Vector{Int32}(undef, length(labels))
    for (i, label) in enumerate(labels)
        number = is_none(label) ? 0 : label
        number isa Integer && 0 <= number <= n_groups || invalid(
            "$name[$i]: is $(repr(label)), must be a number from 1 to n_groups = $n_groups, or 0 for none",
        )
        codes[i] = number - 1
    end
    return Groups(codes, Base.OneTo(n_groups))
end

"The code of the group that the others are compared with; for nothing -1, the rest or none."
function reference_code(groups::Groups, reference)
    reference === nothing && return -1
    place = findfirst(isequal(reference), groups.labels)
    place === nothing && invalid(
        "reference: is $(repr(reference)), must be one of the groups ($(shortened(groups.labels))) or nothing",
    )
    return place - 1
end

shortened(labels) = join(repr.(labels[1:min(end, 10)]), ", ") * (length(labels) > 10 ? ", ..." : "")

"Numbers from 0 of some cells or genes, given by their numbers from 1 or as a mask; nothing for all."
function zero_based(which, n, name)
    which === nothing && return nothing
    which isa Colon && return nothing
    which isa AbstractVector ||
        fail(:SCN_ERR_TYPE, "$name: is a $(typeof(which)), must be a vector of numbers or a mask")
    if eltype(which) <: Bool
        length(which) == n || fail(:SCN_ERR_SHAPE, "$name: is a mask of $(length(which)) values, must have $n")
        return findall(which) .- 1
    end
    chosen = Vector{Int64}(undef, length(which))
    for (i, number) in enumerate(which)
        number isa Integer && 1 <= number <= n ||
            invalid("$name[$i]: is $(repr(number)), must be from 1 to $n as there are $n")
        chosen[i] = number - 1
    end
    return chosen
end
