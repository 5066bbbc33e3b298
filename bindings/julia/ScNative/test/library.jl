# Finding the library: precompilation without it, what is tried, what is refused, and panics.

@testset "the package loads without a library and says where it looked" begin
    nowhere = joinpath(mktempdir(), "none.so")
    done = outcome(julia("using ScNative; print(\"loaded\"); build_info()", "SCNATIVE_LIB" => nowhere))
    @test !done.ok && done.out == "loaded"
    @test occursin("SCN_LIBRARY: libscnative was not found", done.err)
    @test occursin("$nowhere (SCNATIVE_LIB): ", done.err)
    @test occursin("cargo build --release", done.err)
end

@testset "the places, in their order" begin
    places = withenv(ScNative.candidates, "SCNATIVE_LIB" => nothing)
    @test first(places) == (joinpath(PACKAGE, "deps", ScNative.LIBRARY_FILE), "bundled in the package")
    @test last(places) == (ScNative.LIBRARY_FILE, "the system's loader")
    checkout = joinpath(ROOT, "target", "release", ScNative.LIBRARY_FILE)
    @test isfile(joinpath(ROOT, "Cargo.toml")) == (places[2] == (checkout, "built in this checkout"))
    @test withenv(ScNative.candidates, "SCNATIVE_LIB" => "/x/y.so") == [("/x/y.so", "SCNATIVE_LIB")]
end

"A shared library made of this C code."
function fake(code)
    folder = mktempdir()
    write(joinpath(folder, "fake.c"), code)
    run(`cc -shared -fPIC -o $folder/fake.so $folder/fake.c`)
    return joinpath(folder, "fake.so")
end

@testset "other and older libraries are refused" begin
    other = fake("int unrelated(void) { return 1; }")
    done = outcome(julia("using ScNative; build_info()", "SCNATIVE_LIB" => other))
    @test occursin("$other (SCNATIVE_LIB): is not scnative", done.err)
    wrong = fake("unsigned scn_abi_version(void) { return 4711; }")
    done = outcome(julia("using ScNative; build_info()", "SCNATIVE_LIB" => wrong))
    @test occursin("$wrong (SCNATIVE_LIB): has ABI 4711, this package needs $(ScNative.SCN_ABI_VERSION)", done.err)
    old = fake("unsigned scn_abi_version(void) { return $(ScNative.SCN_ABI_VERSION); }")
    done = outcome(julia("using ScNative; build_info()", "SCNATIVE_LIB" => old))
    @test occursin("$old (SCNATIVE_LIB): lacks $(first(ScNative.FUNCTIONS)), it is older than this package", done.err)
end

@testset "a library in the package's folder deps is found" begin
    moved = joinpath(mktempdir(), "ScNative")
    cp(PACKAGE, moved)
    mkpath(joinpath(moved, "deps"))
    cp(ScNative.library_path(), joinpath(moved, "deps", ScNative.LIBRARY_FILE); force = true)
    depot = mktempdir() # a precompiled file of its own
    code = "using ScNative; print(build_info().path)"
    env = filter(pair -> pair[1] != "SCNATIVE_LIB", copy(ENV))
    env["JULIA_DEPOT_PATH"] = depot
    done = outcome(setenv(`$(Base.julia_cmd()) --startup-file=no --project=$moved -e $code`, env))
    @test done.out == joinpath(moved, "deps", ScNative.LIBRARY_FILE)
end

@testset "a panic that a library catches does not end Julia" begin
    # The shipped library has no panic to offer, so one that panics in its scn_abi_version, and catches it, is built and loaded.
    if Sys.which("rustc") === nothing
        skipped("a caught panic, which needs rustc")
    else
        folder = mktempdir()
        write(
            joinpath(folder, "panics.rs"),
            """
            #[unsafe(no_mangle)]
            pub extern "C" fn scn_abi_version() -> u32 {
                std::panic::set_hook(Box::new(|_| {}));
                std::panic::catch_unwind(|| panic!("caught")).map_or(4711, |_: ()| 0)
            }
            """,
        )
        run(`rustc --edition 2024 --crate-type cdylib -C panic=unwind -o $folder/panics.so $folder/panics.rs`)
        done = outcome(julia("using ScNative; build_info()", "SCNATIVE_LIB" => "$folder/panics.so"))
        @test occursin("has ABI 4711", done.err)
    end
end

@testset "build_info" begin
    info = build_info()
    @test info.path == ScNative.library_path()
    @test info.abi_version == ScNative.SCN_ABI_VERSION
    numbers = (ScNative.SCN_VERSION_MAJOR, ScNative.SCN_VERSION_MINOR, ScNative.SCN_VERSION_PATCH)
    @test info.version == VersionNumber(numbers...)
    @test info.threads >= 1
    project = read(joinpath(PACKAGE, "Project.toml"), String)
    @test occursin("version = \"$(info.version)\"", project)
end
