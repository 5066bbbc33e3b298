# The native library: found, loaded and checked at first use.

const LIBRARY_FILE = Sys.isapple() ? "libscnative.dylib" : Sys.iswindows() ? "scnative.dll" : "libscnative.so"

"Addresses of `FUNCTIONS`, null until the library is loaded. Nothing of it survives precompilation."
const TABLE = fill(C_NULL, length(FUNCTIONS))
const LIBRARY_PATH = Ref("")
const LOADING = ReentrantLock()

function __init__()
    fill!(TABLE, C_NULL)
    LIBRARY_PATH[] = ""
    return nothing
end

"The address of a function, by its place in `FUNCTIONS`."
function entry(i::Int)
    address = @inbounds TABLE[i]
    return address == C_NULL ? (load(); TABLE[i]) : address
end

"Where the library is looked for, in order: file and why."
function candidates()
    chosen = get(ENV, "SCNATIVE_LIB", "")
    isempty(chosen) || return [(chosen, "SCNATIVE_LIB")]
    package = dirname(@__DIR__)
    found = [(joinpath(package, "deps", LIBRARY_FILE), "bundled in the package")]
    checkout = normpath(package, "..", "..", "..")
    if isfile(joinpath(checkout, "Cargo.toml")) && isfile(joinpath(checkout, "include", "scnative.h"))
        push!(found, (joinpath(checkout, "target", "release", LIBRARY_FILE), "built in this checkout"))
    end
    Sys.islinux() && push!(found, ("$LIBRARY_FILE.$SCN_ABI_VERSION", "the system's loader"))
    return push!(found, (LIBRARY_FILE, "the system's loader"))
end

"The addresses of `FUNCTIONS` in a file, or what is wrong with it."
function addresses(path::String)
    # Julia's own default has RTLD_DEEPBIND, with which two unwinders mix: a panic that the library catches would abort.
    library = try
        dlopen(path, RTLD_LAZY | RTLD_LOCAL)
    catch error
        error isa ErrorException || rethrow()
        return replace(last(split(error.msg, '\n')), "$path: " => "")
    end
    version = address_of(library, :scn_abi_version)
    version == C_NULL && return "is not scnative (it has no scn_abi_version)"
    number = ccall(version, UInt32, ())
    number == SCN_ABI_VERSION || return "has ABI $number, this package needs $SCN_ABI_VERSION"
    found = [address_of(library, name) for name in FUNCTIONS]
    missed = findfirst(==(C_NULL), found)
    missed === nothing || return "lacks $(FUNCTIONS[missed]), it is older than this package"
    return found
end

address_of(library, name) = something(dlsym(library, name; throw_error = false), C_NULL)

function load()
    lock(LOADING) do
        isempty(LIBRARY_PATH[]) || return nothing
        tried = String[]
        for (path, why) in candidates()
            found = addresses(path)
            if found isa String
                push!(tried, "  $path ($why): $found")
                continue
            end
            copyto!(TABLE, found)
            LIBRARY_PATH[] = path
            listen()
            return nothing
        end
        fail(
            :SCN_LIBRARY,
            "libscnative was not found. Tried:\n$(join(tried, '\n'))\nBuild it with `cargo build --release` in a checkout, " *
            "put it into the package's folder deps, or set SCNATIVE_LIB to the library's file.",
        )
    end
    return nothing
end

"The file that the library was loaded from."
function library_path()
    isempty(LIBRARY_PATH[]) && load()
    return LIBRARY_PATH[]
end
