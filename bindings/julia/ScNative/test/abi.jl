# The declarations are those of the header: layouts as the C compiler has them, functions in the library, nothing drifted.

@testset "layout.txt is in the checkout, or this is not one" begin
    recorded = joinpath(ROOT, "tests", "abi", "layout.txt")
    @test isfile(recorded) || !isfile(joinpath(ROOT, "include", "scnative.h"))
    seen = Set{Symbol}()
    for line in (isfile(recorded) ? eachline(recorded) : ())
        what, number = split(line)
        names = Symbol.(split(what, '.'))
        T = getfield(ScNative, names[1])
        if length(names) == 1
            push!(seen, names[1])
            @test (what, sizeof(T)) == (what, parse(Int, number))
        else
            place = findfirst(==(names[2]), fieldnames(T))
            @test place !== nothing
            @test (what, Int(fieldoffset(T, place))) == (what, parse(Int, number))
        end
    end
    ours = filter(name -> isstruct(getfield(ScNative, name)), names(ScNative; all = true))
    isfile(recorded) && @test seen == Set(ours)
end

@testset "every struct is set up by the library" begin
    for name in filter(name -> isstruct(getfield(ScNative, name)), names(ScNative; all = true))
        T = getfield(ScNative, name)
        @test ScNative.defaults(T).struct_size == sizeof(T)
    end
end

@testset "every function of the table is called by its own wrapper" begin
    text = read(joinpath(PACKAGE, "src", "abi.jl"), String)
    for (i, name) in enumerate(ScNative.FUNCTIONS)
        @test occursin(Regex("^$name\\(.*\\) =\n    ccall\\(entry\\($i\\), ", "m"), text)
    end
end

@testset "src/abi.jl is what the generator writes" begin
    generator = joinpath(ROOT, "bindings", "julia", "generate_abi.py")
    can(python) = Sys.which(python) !== nothing && success(pipeline(`$python -c "import pycparser"`; stderr = devnull))
    pythons = filter(can, [get(ENV, "PYTHON", "python3"), joinpath(ROOT, ".venv", "bin", "python")])
    if !isfile(generator) || isempty(pythons)
        skipped("src/abi.jl against the header, which needs the checkout and PYTHON=a python with pycparser")
    else
        @test outcome(`$(first(pythons)) $generator --check`) == (ok = true, out = "", err = "")
    end
end
