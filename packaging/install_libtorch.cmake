# Run by cmake --install and cpack, after lines that set `programs`, `libtorch` (the folder of its libraries), `private` (where they go, under
# the prefix) and `strip`.
if(EXISTS ${libtorch}/libtorch_cuda.so)
    message(FATAL_ERROR "LibTorch in ${libtorch} is a build for CUDA, whose libraries are several gigabytes from other packages. Build with "
        "LibTorch for the CPU to install or package: pip install torch==VERSION --index-url https://download.pytorch.org/whl/cpu, or "
        "HALFTONE_LIBTORCH=FOLDER")
endif()
file(GET_RUNTIME_DEPENDENCIES EXECUTABLES ${programs} RESOLVED_DEPENDENCIES_VAR found UNRESOLVED_DEPENDENCIES_VAR missing
    POST_INCLUDE_REGEXES "^${libtorch}/" POST_EXCLUDE_REGEXES ".")
if(missing)
    message(FATAL_ERROR "the programs need libraries that are not here: ${missing}")
endif()
if(NOT found)
    message(FATAL_ERROR "the programs load nothing of LibTorch from ${libtorch}")
endif()
set(folder ${CMAKE_INSTALL_PREFIX}/${private})
file(INSTALL ${found} DESTINATION ${folder} TYPE SHARED_LIBRARY FOLLOW_SYMLINK_CHAIN)
if(CMAKE_INSTALL_DO_STRIP AND strip)
    foreach(library ${found})
        get_filename_component(name ${library} NAME)
        execute_process(COMMAND ${strip} --strip-unneeded $ENV{DESTDIR}${folder}/${name} COMMAND_ERROR_IS_FATAL ANY)
    endforeach()
endif()
