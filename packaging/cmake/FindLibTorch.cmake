# LibTorch from the `torch` Python wheel or a LibTorch archive, CPU and CUDA builds alike, without needing the CUDA toolkit.
# (TorchConfig.cmake of a CUDA wheel stops where no toolkit is installed; linking needs none.)
# Looked for in: HALFTONE_LIBTORCH (the folder with include/ and lib/), CMAKE_PREFIX_PATH, the build folder's private environment,
# the active Python. Defines Halftone::torch.

set(HALFTONE_LIBTORCH "" CACHE PATH "Folder of LibTorch (holds include/ and lib/libtorch.so); empty: look for it")

set(_candidates ${HALFTONE_LIBTORCH} $ENV{HALFTONE_LIBTORCH})
foreach(prefix ${CMAKE_PREFIX_PATH} $ENV{CMAKE_PREFIX_PATH})
    list(APPEND _candidates ${prefix} ${prefix}/../.. ${prefix}/torch)
endforeach()
file(GLOB _private ${CMAKE_BINARY_DIR}/python/lib/python3*/site-packages/torch)
list(APPEND _candidates ${_private})

function(_halftone_try_libtorch candidate)
    if(EXISTS ${candidate}/include/ATen/ATen.h AND EXISTS ${candidate}/lib/libtorch.so)
        get_filename_component(_root ${candidate} REALPATH)
        set(LibTorch_ROOT_DIR ${_root} PARENT_SCOPE)
    endif()
endfunction()

set(LibTorch_ROOT_DIR "")
foreach(candidate ${_candidates})
    if(NOT LibTorch_ROOT_DIR)
        _halftone_try_libtorch(${candidate})
    endif()
endforeach()
if(NOT LibTorch_ROOT_DIR)
    find_program(_python NAMES python3 python)
    if(_python)
        execute_process(COMMAND ${_python} -c
            "import importlib.util as u, os; s = u.find_spec('torch'); print(os.path.dirname(s.origin) if s else '')"
            OUTPUT_VARIABLE _active OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
        if(_active)
            _halftone_try_libtorch(${_active})
        endif()
    endif()
endif()

if(LibTorch_ROOT_DIR AND EXISTS ${LibTorch_ROOT_DIR}/include/torch/headeronly/version.h)
    file(STRINGS ${LibTorch_ROOT_DIR}/include/torch/headeronly/version.h _version REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
    string(REGEX REPLACE "[^0-9;]" "" _version "${_version}")
    list(JOIN _version . LibTorch_VERSION)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch REQUIRED_VARS LibTorch_ROOT_DIR VERSION_VAR LibTorch_VERSION
    REASON_FAILURE_MESSAGE "install the Python package torch, or set HALFTONE_LIBTORCH to a folder with include/ and lib/ (packaging/run does it for you)")

if(LibTorch_FOUND AND NOT TARGET Halftone::torch)
    add_library(Halftone::torch INTERFACE IMPORTED)
    # Whole paths: CMake then sees to the run path of what lies in the build folder, and takes it out of what is installed.
    set(_lib ${LibTorch_ROOT_DIR}/lib)
    set(_link -Wl,--no-as-needed ${_lib}/libtorch.so ${_lib}/libtorch_cpu.so)
    if(EXISTS ${_lib}/libtorch_cuda.so)
        list(APPEND _link ${_lib}/libtorch_cuda.so)
    endif()
    list(APPEND _link ${_lib}/libc10.so)
    if(EXISTS ${_lib}/libc10_cuda.so)
        list(APPEND _link ${_lib}/libc10_cuda.so)
    endif()
    list(APPEND _link -Wl,--as-needed -lgomp)
    set_target_properties(Halftone::torch PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES "${LibTorch_ROOT_DIR}/include;${LibTorch_ROOT_DIR}/include/torch/csrc/api/include"
        INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${LibTorch_ROOT_DIR}/include;${LibTorch_ROOT_DIR}/include/torch/csrc/api/include"
        INTERFACE_COMPILE_OPTIONS -fopenmp # without it at::parallel_for is a plain loop
        INTERFACE_LINK_LIBRARIES "${_link}")
endif()
