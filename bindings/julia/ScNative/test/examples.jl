# Each exported name has documentation with examples, and they show what they say.

"Pairs of an expression and the output that it promises."
function steps(example)
    found = Tuple{String,String}[]
    for part in split(example, "julia> "; keepempty = false)
        lines = split(rstrip(part), '\n')
        n = findfirst(line -> !startswith(line, "       "), lines[2:end])
        n = n === nothing ? length(lines) : n
        push!(found, (join(lines[1:n], '\n'), strip(join(lines[n+1:end], '\n'))))
    end
    return found
end

# Julia 1.6 shortened the names of array types.
modern(text) = replace(replace(replace(text, r"Array\{(\w+),2\}" => s"Matrix{\1}"), r"Array\{(\w+),1\}" => s"Vector{\1}"), "BitArray{1}" => "BitVector")

function shown(value, code)
    (value === nothing || endswith(code, ';')) && return ""
    return strip(modern(sprint((io, x) -> show(io, MIME("text/plain"), x), value)))
end

const NOT_EXPORTED = (:aggregate, :concat, :genes, :log1p, :median, :predict, :save, :scale, :settings, :stats, :subset, :validate)

# What needs a model that is not here is only looked at: it must be Julia.
const NEED_A_MODEL = (:embed, :gene_embeddings, :genes, :predict, :run_task, :save)

@testset "$name" for name in (setdiff(names(ScNative), [:ScNative])..., NOT_EXPORTED...)
    text = string(Base.Docs.doc(Base.Docs.Binding(ScNative, name)))
    @test occursin("Examples", text)
    blocks = [m[1] for m in eachmatch(r"```(?:jldoctest|julia-repl)?\n(julia> .*?)```"s, text)]
    @test isempty(blocks) == (name in NEED_A_MODEL)
    for block in eachmatch(r"```julia\n(?!julia> )(.*?)```"s, text)
        @test Meta.parse("begin\n$(block[1])\nend").head === :block
    end
    for block in blocks
        place = Module()
        Core.eval(place, :(using ScNative))
        for (code, promised) in steps(block)
            value = include_string(place, code)
            @test (code, shown(value, code)) == (code, promised)
        end
    end
end
