"""
    build_info()

Which library is loaded, and what it can do: `path` of its file, `version`, `abi_version`, the `cpu_features` that it
uses, and the `threads` that a call uses by default.

# Examples
```jldoctest
julia> isfile(build_info().path)
true
```
"""
function build_info()
    path = library_path()
    buffer = zeros(UInt8, 256)
    plain(scn_cpu_features, buffer, length(buffer), C_NULL)
    return (
        path = path,
        version = VersionNumber(unsafe_string(scn_version())),
        abi_version = Int(scn_abi_version()),
        cpu_features = String.(split(GC.@preserve buffer unsafe_string(pointer(buffer)))),
        threads = Int(scn_default_threads()),
    )
end
