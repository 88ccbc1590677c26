# The few helpers that every folder's CMakeLists.txt uses.

add_library(halftone_flags INTERFACE)
target_compile_options(halftone_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-stringop-overflow> # GCC 12 sees overlaps in "text" + std::string (its bug 105651)
    $<$<BOOL:${HALFTONE_WERROR}>:-Werror>)
target_include_directories(halftone_flags INTERFACE ${PROJECT_SOURCE_DIR})

# halftone_core_part(NAME [TENSORS] SOURCES ... [NEEDS parts ...] [LINK targets ...])
# One static library a folder of core, so that the floors of the house hold by the link line. TENSORS: its sources see LibTorch.
function(halftone_core_part name)
    cmake_parse_arguments(PART "TENSORS" "" "SOURCES;NEEDS;LINK" ${ARGN})
    if(NOT PART_SOURCES) # headers only
        set(PART_SOURCES ${CMAKE_CURRENT_BINARY_DIR}/${name}_headers_only.cpp)
        file(CONFIGURE OUTPUT ${PART_SOURCES} CONTENT "namespace halftone {}\n")
    endif()
    add_library(halftone_${name} STATIC ${PART_SOURCES})
    set_target_properties(halftone_${name} PROPERTIES LINKER_LANGUAGE CXX)
    add_library(Halftone::${name} ALIAS halftone_${name})
    target_include_directories(halftone_${name} PUBLIC ${PROJECT_SOURCE_DIR})
    foreach(need ${PART_NEEDS})
        target_link_libraries(halftone_${name} PUBLIC Halftone::${need})
    endforeach()
    target_link_libraries(halftone_${name} PRIVATE halftone_flags ${PART_LINK})
    if(PART_TENSORS)
        target_link_libraries(halftone_${name} PRIVATE Halftone::torch)
        target_precompile_headers(halftone_${name} REUSE_FROM halftone_tensor_pch)
    endif()
endfunction()

# halftone_add_test(NAME [LABELS ...] [LINK targets ...] [TENSORS] [SOURCES more.cpp ...]): tst_NAME.cpp, one Qt Test class.
function(halftone_add_test name)
    cmake_parse_arguments(TEST "TENSORS" "TIMEOUT" "LABELS;LINK;SOURCES" ${ARGN})
    add_executable(tst_${name} tst_${name}.cpp ${TEST_SOURCES})
    set_target_properties(tst_${name} PROPERTIES AUTOMOC ON)
    target_link_libraries(tst_${name} PRIVATE halftone_flags Qt6::Test ${TEST_LINK})
    target_compile_definitions(tst_${name} PRIVATE QT_NO_KEYWORDS
        HALFTONE_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data" HALFTONE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    if(TEST_TENSORS)
        target_link_libraries(tst_${name} PRIVATE Halftone::torch)
        target_precompile_headers(tst_${name} REUSE_FROM halftone_tensor_pch) # Qt makes programs -fPIC too, so that core's fits
    endif()
    add_test(NAME ${name} COMMAND tst_${name})
    if(NOT TEST_TIMEOUT)
        set(TEST_TIMEOUT 300)
    endif()
    set_tests_properties(${name} PROPERTIES LABELS "${TEST_LABELS}" TIMEOUT ${TEST_TIMEOUT} ENVIRONMENT "QT_QPA_PLATFORM=offscreen;OMP_WAIT_POLICY=passive") # two tests at once must not spin for one core
endfunction()
