// Runs all tests, or those whose names have an argument in them: tests FOLDER [NAME]...
#include <cstdio>
#include <exception>

#include "check.hpp"

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: tests FOLDER [NAME]...\n");
        return 2;
    }
    scratch() = argv[1];
    int failed = 0, done = 0;
    for (const auto& [name, test] : tests()) {
        bool wanted = argc == 2;
        for (int i = 2; i < argc; ++i) {
            wanted = wanted || name.find(argv[i]) != std::string::npos;
        }
        if (!wanted) {
            continue;
        }
        ++done;
        try {
            test();
            std::printf("ok %s\n", name.c_str());
        } catch (const std::exception& error) {
            ++failed;
            std::printf("FAILED %s: %s\n", name.c_str(), error.what());
        }
        std::fflush(stdout);
    }
    std::printf("%d tests, %d failed\n", done, failed);
    return failed == 0 && done > 0 ? 0 : 1;
}
